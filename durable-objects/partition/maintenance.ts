/**
 * The alarm of a partition: when it is due, and the turns of `MAINTENANCE_STEPS` that it runs. Every turn is idempotent
 * and synchronous, so an alarm that is interrupted or runs twice does no harm.
 */
import {
  ALARM_AHEAD_MS_MAX,
  ALARM_LATE_MS_MAX,
  RETENTION_CHECK_INTERVAL_MS_DEFAULT,
  RETENTION_SIZE_DELAY_MS,
  SEAL_DELAY_MS,
  TABLE_LAG_DELAY_MS,
} from '../../src/core/limits.ts'
import { activeMs } from '../../src/core/log/compaction/schedule.ts'
import { numberSetting } from '../../src/events/number-setting.ts'
import { nextTurn } from '../next-turn.ts'
import { MAINTENANCE_STEPS, type MaintenanceTime } from './maintenance-steps.ts'
import type { PartitionLog } from './partition-log.ts'

export class Maintenance {
  readonly #storage: DurableObjectStorage
  /** Time of the set alarm. Each `setAlarm` writes a row, so calls only move it forward. */
  #alarmAtMs: number | undefined
  readonly #checkIntervalMs: number
  /**
   * No record expires by age before this time: as with a broker, a record that is already old when it arrives stays
   * until the next check. Not stored: after a restart by an alarm, the first alarm is a check.
   */
  #ageCheckAtMs: number | undefined

  /** @param checkInterval The variable `EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS`. */
  constructor(storage: DurableObjectStorage, checkInterval: string | undefined) {
    this.#storage = storage
    this.#checkIntervalMs = numberSetting(
      'EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS',
      checkInterval,
      RETENTION_CHECK_INTERVAL_MS_DEFAULT,
    )
  }

  async load(nowMs: number): Promise<void> {
    const alarmAtMs = await this.#storage.getAlarm()
    if (alarmAtMs === null) return
    // An alarm that is long overdue was lost (a known platform fault): set it again.
    if (alarmAtMs < nowMs - ALARM_LATE_MS_MAX) this.#ensureAlarm(nowMs + 1)
    else this.#alarmAtMs = alarmAtMs
  }

  /** Arms the alarm for the work that a commit made due. */
  afterCommit(log: PartitionLog, hasChunksToSeal: boolean, nowMs: number): void {
    if (hasChunksToSeal) this.#ensureAlarm(nowMs + SEAL_DELAY_MS)
    this.#armQuestions(log, nowMs)
    this.armRetention(log, nowMs)
    this.armCompaction(log, nowMs)
  }

  /** Arms the alarm for records that settle and can be compacted then, and for a table that is far behind. */
  armCompaction(log: PartitionLog, nowMs: number): void {
    const { compaction, table } = log
    if (compaction.isEnabled) this.#ensureAlarm(nowMs + activeMs(compaction.config))
    if (table.isFarBehind) this.#ensureAlarm(nowMs + TABLE_LAG_DELAY_MS)
  }

  /** Arms the alarm for a time that may have passed; Infinity: never. */
  arm(atMs: number, nowMs: number): void {
    if (atMs !== Number.POSITIVE_INFINITY) {
      this.#ensureAlarm(Math.min(Math.max(atMs, nowMs + 1), nowMs + ALARM_AHEAD_MS_MAX))
    }
  }

  /** Arms the alarm for deletion by size and for the next check of the age of records. */
  armRetention(log: PartitionLog, nowMs: number): void {
    if (log.hasExcess) this.#ensureAlarm(nowMs + RETENTION_SIZE_DELAY_MS)
    const expiresAtMs = log.oldestExpiresAtMs
    if (expiresAtMs === undefined) return
    const dueMs = Math.max(expiresAtMs, nowMs + this.#checkIntervalMs)
    this.#ageCheckAtMs = Math.min(this.#ageCheckAtMs ?? dueMs, dueMs)
    this.#ensureAlarm(Math.min(this.#ageCheckAtMs, nowMs + ALARM_AHEAD_MS_MAX))
  }

  /** Arms the alarm for the question about the oldest open transaction. */
  #armQuestions(log: PartitionLog, nowMs: number): void {
    const { transactionQuestionDueAtMs: dueMs } = log
    if (dueMs !== undefined) this.#ensureAlarm(Math.max(dueMs, nowMs + 1))
  }

  /** @param isCurrent returns whether `log` still is the partition's log: it may be deleted between two turns */
  async run(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    this.#alarmAtMs = undefined
    const isAgeCheck = Date.now() >= (this.#ageCheckAtMs ?? 0)
    if (isAgeCheck) this.#ageCheckAtMs = undefined
    let isUnfinished = false
    for (const step of MAINTENANCE_STEPS) {
      let hasMore = true
      for (let turn = 0; hasMore && turn < step.turnsMax; turn++) {
        hasMore = step.turn(log, { nowMs: Date.now(), isAgeCheck })
        if (hasMore) await nextTurn()
        if (!isCurrent()) return
      }
      isUnfinished ||= hasMore
    }
    this.#armNext(log, { nowMs: Date.now(), isAgeCheck }, isUnfinished)
  }

  #armNext(log: PartitionLog, time: MaintenanceTime, isUnfinished: boolean): void {
    const { nowMs, isAgeCheck } = time
    if (isUnfinished) this.#ensureAlarm(nowMs + 1)
    // The next alarm continues the same check.
    if (isUnfinished && isAgeCheck) this.#ageCheckAtMs = nowMs + 1
    for (const { dueAtMs } of MAINTENANCE_STEPS) {
      const dueMs = dueAtMs?.(log)
      if (dueMs !== undefined) this.#ensureAlarm(Math.max(dueMs, nowMs + 1))
    }
    this.#armQuestions(log, nowMs)
    this.armRetention(log, nowMs)
  }

  #ensureAlarm(atMs: number): void {
    if (this.#alarmAtMs !== undefined && this.#alarmAtMs <= atMs) return
    this.#alarmAtMs = atMs
    // Not awaited: the write is part of this turn's transaction, and the output gate waits for it.
    void this.#storage.setAlarm(atMs)
  }
}
