/**
 * One member of a group (KIP-848): sends heartbeats at the interval that the previous response sets.
 *
 *   outside ──join──> joining (epoch 0) ──answered──> member (epoch > 0) ──leave──> outside
 *                        ▲                                            │
 *                        └───── unknown, fenced, session expired ─────┘
 *
 * A heartbeat contains changed fields only. After one without a clear result
 * the next contains all fields, because the group's state is uncertain.
 */
import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import { JOIN_EPOCH, LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from '../../src/core/group/group-api.ts'
import { sleep, type Timer, within } from '../clock.ts'
import { retryDelayMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { isTransient, unavailable } from '../http/request-error.ts'
import {
  CALLS_PER_SESSION,
  HEARTBEAT_RETRIES_PER_SESSION,
  LEAVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_BACKOFF_MS,
} from '../limits.ts'
import {
  type AssignedPartitions,
  type CommittingMember,
  type Heartbeat,
  type HeartbeatResponse,
  sendHeartbeat,
} from './group-calls.ts'
import type { GroupConsumerSettings } from './group-consumer-options.ts'

interface MembershipContext {
  readonly connection: Connection
  readonly memberId: string
  readonly settings: GroupConsumerSettings
  /** Returns the held partitions, always in the same order. */
  readonly owned: () => readonly AssignedPartitions[]
  /** Called with all partitions that the member is to hold. */
  readonly onAssignment: (assignment: readonly AssignedPartitions[]) => void
  /** Called when the member loses all partitions, which other members may have by now. */
  readonly onLost: () => void
  /** Called when the member is out and does not retry. */
  readonly onFatal: (error: unknown) => void
}

/** Errors after which the member joins again, because the group does not have it. */
const REJOIN: ReadonlySet<ErrorCode> = new Set([
  'unknown_member_id',
  'fenced_member_epoch',
  'group_id_not_found',
])

export class Membership {
  readonly #context: MembershipContext
  #epoch = JOIN_EPOCH
  #failures = 0
  /** Error of the last heartbeat; undefined if it succeeded. */
  #refusal: unknown
  #needsFullState = true
  #sentOwned: string | undefined
  /** Send time of the last successful heartbeat. */
  #answeredAtMs = 0
  #unreleasedSinceMs: number | undefined
  #sessionTimer: Timer
  /** Ends the heartbeats. */
  #run: AbortController | undefined
  /** Resolves when the last heartbeat loop has ended. */
  #beating: Promise<void> = Promise.resolve()
  #call = new AbortController()
  /** Ends the pause before the next heartbeat. */
  #pause = new AbortController()
  /** True if the group may have this member. */
  #isKnown = false

  constructor(context: MembershipContext) {
    this.#context = context
  }

  /** The member to commit as; undefined while it is not a member, and once its session has expired. */
  get committing(): CommittingMember | undefined {
    if (this.#epoch <= JOIN_EPOCH || this.#sessionLeftMs() <= 0) return undefined
    const { memberId, settings } = this.#context
    const { instanceId } = settings
    return { memberId, memberEpoch: this.#epoch, ...(instanceId !== undefined && { instanceId }) }
  }

  /** The reason why it is not a member; undefined if it is one. */
  get lastError(): unknown {
    if (this.committing !== undefined) return undefined
    return this.#refusal ?? new EdgelogError('unavailable', 'the group has not responded yet')
  }

  join(): void {
    if (this.#run !== undefined) return
    const run = new AbortController()
    this.#run = run
    this.#beating = this.#beating.then(() => this.#beatOn(run.signal))
  }

  /** Sends a heartbeat at once, because the held partitions have changed. */
  heartbeatNow(): void {
    this.#pause.abort()
  }

  /** Loses everything if the session has expired; the timer may be late after the machine slept. */
  checkSession(): void {
    if (this.#epoch > JOIN_EPOCH && this.#sessionLeftMs() <= 0) this.#endSession()
  }

  /** Stops, and leaves the group within `LEAVE_TIMEOUT_MS`. Never throws. */
  leave(): Promise<void> {
    this.#stop()
    // A join that arrives after the leave would create a dead member.
    const { clock } = this.#context.connection
    this.#beating = within(clock, LEAVE_TIMEOUT_MS, this.#beating).then(() => this.#sendLeave())
    return this.#beating
  }

  // -- heartbeats ----------------------------------------------------------------------------

  async #beatOn(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.connection
    while (!signal.aborted) {
      this.#pause = new AbortController()
      const delayMs = await this.#beat(signal)
      if (signal.aborted) return
      await sleep(clock, delayMs, this.#pause.signal)
    }
  }

  /** @returns the delay before the next heartbeat */
  async #beat(signal: AbortSignal): Promise<number> {
    const { connection } = this.#context
    const sentAtMs = connection.clock.now()
    const heartbeat = this.#heartbeat()
    const call = new AbortController()
    this.#call = call
    this.#isKnown = true
    try {
      const result = await this.#send(heartbeat, call.signal)
      if (signal.aborted) return 0
      return this.#accept(result, heartbeat, sentAtMs)
    } catch (error) {
      if (signal.aborted) return 0
      this.#needsFullState = true
      // The session expired while the call was in flight.
      return call.signal.aborted ? 0 : this.#refused(error)
    }
  }

  #heartbeat(): Heartbeat {
    const { memberId, settings, owned } = this.#context
    const { instanceId, clientId, topics = [], topicPattern = '', assignor } = settings
    const isAll = this.#needsFullState
    const held = owned()
    return {
      memberId,
      memberEpoch: this.#epoch,
      ...(instanceId !== undefined && { instanceId }),
      ...(clientId !== undefined && { clientId }),
      ...((isAll || JSON.stringify(held) !== this.#sentOwned) && { owned: held }),
      ...(isAll && {
        topics,
        topicPattern,
        ...(assignor !== undefined && { assignor }),
        sessionTimeoutMs: settings.sessionTimeoutMs,
        rebalanceTimeoutMs: settings.maxPollIntervalMs,
      }),
    }
  }

  async #send(heartbeat: Heartbeat, signal: AbortSignal): Promise<HeartbeatResponse> {
    const { connection, settings } = this.#context
    const { groupId, sessionTimeoutMs } = settings
    const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, sessionTimeoutMs / CALLS_PER_SESSION)
    const result = await sendHeartbeat(connection, groupId, heartbeat, { signal, timeoutMs })
    const { memberEpoch, heartbeatIntervalMs } = result
    const isOurs = Number.isInteger(memberEpoch) && Number.isFinite(heartbeatIntervalMs)
    if (!isOurs) throw unavailable(new Error('the response is not that of a group'))
    return result
  }

  #accept(result: HeartbeatResponse, { owned }: Heartbeat, sentAtMs: number): number {
    this.#failures = 0
    this.#refusal = undefined
    this.#unreleasedSinceMs = undefined
    this.#needsFullState = false
    if (owned !== undefined) this.#sentOwned = JSON.stringify(owned)
    this.#epoch = result.memberEpoch
    this.#answeredAtMs = sentAtMs
    this.#watchSession()
    if (result.assignment !== null) this.#context.onAssignment(result.assignment)
    return result.heartbeatIntervalMs
  }

  #refused(error: unknown): number {
    this.#failures += 1
    this.#refusal = error
    const code = error instanceof EdgelogError ? error.code : undefined
    const delayMs = this.#retryDelayMs(error, this.#failures)
    if (code !== undefined && REJOIN.has(code)) {
      this.#lose()
      return this.#failures === 1 ? 0 : delayMs
    }
    if (isTransient(error) || this.#mayBeReleased(code)) return delayMs
    this.#stop()
    this.#context.onFatal(error)
    return 0
  }

  #retryDelayMs(error: unknown, attempts: number): number {
    const { connection, settings } = this.#context
    const maxMs = settings.sessionTimeoutMs / HEARTBEAT_RETRIES_PER_SESSION
    return retryDelayMs(connection, error, attempts, RETRY_BACKOFF_MS, maxMs)
  }

  /** Returns whether to retry: the previous owner of this instance id may be dead, and its session expires. */
  #mayBeReleased(code: ErrorCode | undefined): boolean {
    if (code !== 'unreleased_instance_id') return false
    const { settings, connection } = this.#context
    const nowMs = connection.clock.now()
    this.#unreleasedSinceMs ??= nowMs
    return nowMs - this.#unreleasedSinceMs <= settings.sessionTimeoutMs
  }

  // -- the session ---------------------------------------------------------------------------

  #sessionLeftMs(): number {
    const { settings, connection } = this.#context
    return this.#answeredAtMs + settings.sessionTimeoutMs - connection.clock.now()
  }

  #watchSession(): void {
    const { clock } = this.#context.connection
    clock.clearTimeout(this.#sessionTimer)
    this.#sessionTimer = clock.setTimeout(() => this.#endSession(), this.#sessionLeftMs())
  }

  #endSession(): void {
    this.#lose()
    this.#call.abort()
    this.heartbeatNow()
  }

  #lose(): void {
    this.#forget()
    this.#context.onLost()
  }

  #forget(): void {
    this.#context.connection.clock.clearTimeout(this.#sessionTimer)
    this.#epoch = JOIN_EPOCH
    this.#needsFullState = true
  }

  // -- leaving -------------------------------------------------------------------------------

  #stop(): void {
    this.#run?.abort()
    this.#run = undefined
    this.#pause.abort()
    this.#forget()
  }

  async #sendLeave(): Promise<void> {
    this.#call.abort()
    if (!this.#isKnown) return
    const { clock } = this.#context.connection
    const end = new AbortController()
    const leaving = async () => {
      for (let attempts = 1; !end.signal.aborted; attempts++) {
        const error = await this.#tryLeave(end.signal)
        if (!isTransient(error)) return
        await sleep(clock, this.#retryDelayMs(error, attempts), end.signal)
      }
    }
    await within(clock, LEAVE_TIMEOUT_MS, leaving())
    end.abort()
    this.#isKnown = false
  }

  /** @returns the error, if any */
  async #tryLeave(signal: AbortSignal): Promise<unknown> {
    const { connection, memberId, settings } = this.#context
    const { groupId, instanceId } = settings
    const isStatic = instanceId !== undefined
    const memberEpoch = isStatic ? LEAVE_STATIC_EPOCH : LEAVE_EPOCH
    const heartbeat = { memberId, memberEpoch, ...(isStatic && { instanceId }) }
    const options = { signal, timeoutMs: LEAVE_TIMEOUT_MS }
    return await sendHeartbeat(connection, groupId, heartbeat, options).catch((error) => error)
  }
}
