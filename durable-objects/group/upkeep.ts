/**
 * The alarm work of a group: detects silent members when no other call would, expires offsets,
 * and deletes a group that is empty. Every step is idempotent.
 */
import type { OffsetExpiry } from '../../src/core/group/offset-expiry.ts'
import {
  EMPTY_GROUP_KEPT_MS,
  GROUP_ALARM_RETRY_MS,
  GROUP_WATCH_INTERVAL_MS,
  HEARTBEAT_INTERVAL_MS,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  ROLL_CALL_MS_MAX,
} from '../../src/core/limits.ts'
import { numberSetting } from '../../src/events/number-setting.ts'
import type { ObjectAlarm } from '../object-alarm.ts'
import type { GroupMembers } from './group-members.ts'
import type { GroupOffsets } from './group-offsets.ts'
import type { GroupStore } from './group-store.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { TransactionQuestions } from './transaction-questions.ts'

/** The parts of the group that are recreated when it is wiped. */
interface UpkeepHooks {
  members(): GroupMembers
  offsets(): GroupOffsets
  /** Removes the members whose deadline has passed. */
  expireMembers(): void
  readonly retentionMs: number
}

export class Upkeep {
  readonly #store: GroupStore
  readonly #alarm: ObjectAlarm
  readonly #lifecycle: Lifecycle
  readonly #questions: TransactionQuestions
  readonly #hooks: UpkeepHooks
  /** True if a liveness check has begun and some member has made no call yet. */
  #isLivenessCheckOpen = false

  constructor(
    store: GroupStore,
    alarm: ObjectAlarm,
    lifecycle: Lifecycle,
    questions: TransactionQuestions,
    hooks: UpkeepHooks,
  ) {
    this.#store = store
    this.#alarm = alarm
    this.#lifecycle = lifecycle
    this.#questions = questions
    this.#hooks = hooks
  }

  async run(): Promise<void> {
    if (this.#store.group === undefined) return
    // A fired alarm is gone, so set the next one before anything can fail.
    const retryAtMs = Date.now() + GROUP_ALARM_RETRY_MS
    this.#alarm.at(retryAtMs)
    await this.#questions.ask()
    await this.#checkLiveness()
    // The group may have been deleted in the meantime.
    if (this.#store.group === undefined) return
    this.#hooks.expireMembers()
    const nextExpiryMs = this.#hooks.offsets().expire(this.#offsetExpiry(), Date.now())
    await this.#lifecycle.delete(() => this.#isOver())
    const nextMs = this.#nextAlarmMs(nextExpiryMs)
    if (nextMs !== undefined) this.#alarm.postpone(retryAtMs, nextMs, Date.now())
  }

  /**
   * Waits until each member has made a call or its session has expired. Last-seen times are lost on eviction, and the
   * next alarm is far away; so sessions end even if the object sleeps between all calls.
   */
  async #checkLiveness(): Promise<void> {
    if (!this.#isLivenessCheckOpen) this.#hooks.members().startLivenessCheck()
    const endMs = Date.now() + ROLL_CALL_MS_MAX
    while (this.#hooks.members().hasUnseen && Date.now() < endMs) {
      const untilMs = Math.min(this.#hooks.members().nextDeadlineMs, endMs)
      const waitMs = Math.min(untilMs - Date.now(), HEARTBEAT_INTERVAL_MS)
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, waitMs)))
      this.#hooks.expireMembers()
    }
    this.#isLivenessCheckOpen = this.#hooks.members().hasUnseen
  }

  #nextAlarmMs(nextExpiryMs: number): number | undefined {
    const { group } = this.#store
    if (group === undefined) return undefined
    const nowMs = Date.now()
    if (group.isDeleting) return nowMs + GROUP_ALARM_RETRY_MS
    // A session may be longer than the platform allows one alarm to run.
    if (this.#isLivenessCheckOpen) return nowMs + 1
    const watchAtMs = Math.min(nowMs + GROUP_WATCH_INTERVAL_MS, this.#questions.nextMs)
    if (group.emptySinceMs === null) return Math.max(nowMs + 1, watchAtMs)
    const overAtMs = this.#isEmpty() ? group.emptySinceMs + EMPTY_GROUP_KEPT_MS : nextExpiryMs
    return Math.max(nowMs + 1, Math.min(overAtMs, watchAtMs))
  }

  #isEmpty(): boolean {
    return this.#hooks.members().count === 0 && this.#hooks.offsets().isEmpty
  }

  /** Returns whether the group was empty for long enough, or its deletion has begun. */
  #isOver(): boolean {
    const { group } = this.#store
    if (group === undefined) return false
    const emptyForMs = Date.now() - (group.emptySinceMs ?? Date.now())
    return group.isDeleting || (this.#isEmpty() && emptyForMs >= EMPTY_GROUP_KEPT_MS)
  }

  #offsetExpiry(): Omit<OffsetExpiry, 'isPending'> {
    const subscribed = this.#hooks.members().subscribedTopicIds(this.#lifecycle.directory)
    return {
      retentionMs: this.#hooks.retentionMs,
      emptySinceMs: this.#store.group?.emptySinceMs ?? null,
      isSubscribed: (topicId) => subscribed === 'all' || subscribed.has(topicId),
    }
  }
}

/** Falls back to the default when the variable is invalid, so that a typo deletes no offsets. */
export function offsetsRetentionMs(minutes: string | undefined): number {
  const name = 'EDGELOG_OFFSETS_RETENTION_MINUTES'
  return numberSetting(name, minutes, OFFSETS_RETENTION_MINUTES_DEFAULT) * 60_000
}
