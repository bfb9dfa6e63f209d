/**
 * What a partition does by alarm: retention, sealing, forgetting silent producers. Every step is
 * idempotent and one synchronous turn, so that an alarm that is cut short or runs twice does no harm.
 */
import {
  ALARM_AHEAD_MS_MAX,
  MAINTENANCE_TURNS_MAX,
  RETENTION_INTERVAL_MS_MAX,
  RETENTION_INTERVAL_MS_MIN,
  SEAL_DELAY_MS,
} from '../../src/core/limits.ts'
import type { PartitionLog } from './partition-log.ts'

export class Maintenance {
  readonly #storage: DurableObjectStorage
  /** When the alarm is set for; each `setAlarm` is a row written, so it is only ever moved forward. */
  #alarmAtMs: number | undefined

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  async load(nowMs: number): Promise<void> {
    const alarmAtMs = await this.#storage.getAlarm()
    if (alarmAtMs === null) return
    // An alarm that is long past was lost (a known fault of the platform): set it anew.
    if (alarmAtMs < nowMs - RETENTION_INTERVAL_MS_MAX) this.#ensureAlarm(nowMs + 1)
    else this.#alarmAtMs = alarmAtMs
  }

  /** After each commit: arms the alarm for what the commit made due. */
  afterCommit(log: PartitionLog, hasChunksToSeal: boolean, nowMs: number): void {
    if (hasChunksToSeal) this.#ensureAlarm(nowMs + SEAL_DELAY_MS)
    this.armRetention(log, nowMs)
  }

  /** Arms the alarm for the time the oldest chunk expires, e.g. after a change of config. */
  armRetention(log: PartitionLog, nowMs: number): void {
    const { retentionMs } = log.assignment.config
    const intervalMs = Math.min(
      Math.max(retentionMs / 100, RETENTION_INTERVAL_MS_MIN),
      RETENTION_INTERVAL_MS_MAX,
    )
    const expiresAtMs = log.oldestExpiresAtMs
    if (log.hasExpired(nowMs)) this.#ensureAlarm(nowMs + RETENTION_INTERVAL_MS_MIN)
    else if (expiresAtMs !== undefined) {
      const atMs = Math.max(expiresAtMs, nowMs + intervalMs)
      this.#ensureAlarm(Math.min(atMs, nowMs + ALARM_AHEAD_MS_MAX))
    }
  }

  /** @param isCurrent whether `log` still is the partition's log: it may be deleted between two turns */
  async run(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    this.#alarmAtMs = undefined
    let hasMore = true
    for (let turn = 0; hasMore && turn < MAINTENANCE_TURNS_MAX; turn++) {
      hasMore = log.retain(Date.now()) || log.seal()
      await nextTurn()
      if (!isCurrent()) return
    }
    const nowMs = Date.now()
    const producerExpiresAtMs = log.expireProducers(nowMs)
    if (hasMore) this.#ensureAlarm(nowMs + 1)
    if (producerExpiresAtMs !== undefined)
      this.#ensureAlarm(Math.max(producerExpiresAtMs, nowMs + 1))
    this.armRetention(log, nowMs)
  }

  #ensureAlarm(atMs: number): void {
    if (this.#alarmAtMs !== undefined && this.#alarmAtMs <= atMs) return
    this.#alarmAtMs = atMs
    // Not awaited: the write is part of this turn's transaction, and the output gate waits for it.
    void this.#storage.setAlarm(atMs)
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
