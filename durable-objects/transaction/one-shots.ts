/**
 * Coordinates the transactions that are made in one call. Each writes its row at its decision, and also at its begin if
 * its id may be repeated. Only those that have not ended at all their participants are in memory.
 *
 * A transaction that has ended everywhere is not written again. The progress row covers all that are older than the
 * oldest open one; when the object wakes up, the others are ended again, which is harmless.
 */
import { EdgelogError, type Result } from '../../src/core/errors.ts'
import {
  ONE_SHOT_EXPIRY_INTERVAL_MS,
  ONE_SHOT_OPEN_MAX,
  ONE_SHOT_ROWS_MAX,
  THROTTLE_MS,
  TRANSACTION_ALARM_MS,
  TRANSACTION_END_WAIT_MS,
} from '../../src/core/limits.ts'
import {
  abortOverdue,
  beginOneShot,
  completeOneShot,
  decideOneShot,
  ONE_SHOT_NUMBER,
  type OneShotRecord,
  oneShotCutoffMs,
  oneShotMarkerOf,
  resultOfOneShot,
} from '../../src/core/transaction/one-shot.ts'
import type {
  BeginOneShotRequest,
  BegunOneShot,
  DecideOneShotRequest,
  OneShotResult,
} from '../../src/core/transaction/one-shot-api.ts'
import type { TransactionFate } from '../../src/core/transaction/transaction-api.ts'
import type { ObjectAlarm } from '../object-alarm.ts'
import { type Clock, within } from './clock.ts'
import { Ending } from './ending.ts'
import type { ParticipantCalls } from './participants.ts'
import type { TransactionStore } from './transaction-store.ts'

export interface OneShotsParts {
  readonly store: TransactionStore
  readonly alarm: ObjectAlarm
  readonly participants: ParticipantCalls
  readonly clock: Clock
}

/** A transaction that has not ended at all its participants. */
interface OpenOneShot {
  record: OneShotRecord
  /** Undefined until the decision. */
  ending: Ending | undefined
  readonly decided: PromiseWithResolvers<void>
  readonly ended: PromiseWithResolvers<void>
}

export class OneShots {
  readonly #parts: OneShotsParts
  readonly #open = new Map<string, OpenOneShot>()
  #rowsCount: number
  #endedBeforeMs: number
  #expiryAtMs: number

  constructor(parts: OneShotsParts) {
    this.#parts = parts
    this.#rowsCount = parts.store.countOneShots()
    this.#endedBeforeMs = parts.store.readProgress().endedBeforeMs
    this.#expiryAtMs = parts.clock.nowMs()
    for (const record of parts.store.readOneShotsFrom(this.#endedBeforeMs)) {
      this.#startEnding(this.#addOpen(record))
    }
  }

  /** Returns the number of the new transaction, or waits for the result of the call that this one repeats. */
  async begin(request: BeginOneShotRequest): Promise<Result<BegunOneShot>> {
    const known = this.#find(request.id)
    const nowMs = this.#nowMs()
    const step = beginOneShot(known, request, nowMs)
    if ('error' in step.result) return step.result
    if (known === undefined && step.record !== undefined) {
      const refusal = this.#refuseMore()
      if (refusal !== undefined) return { error: refusal.toBody() }
      this.#create(step.record)
    }
    if (step.result.ok === 'begun') return { ok: { number: ONE_SHOT_NUMBER } }
    return { ok: { result: await this.#waitForResult(request.id) } }
  }

  async decide(request: DecideOneShotRequest): Promise<Result<OneShotResult>> {
    const known = this.#find(request.id)
    const { record, result } = decideOneShot(known, request, this.#nowMs())
    if ('error' in result) return result
    if (known === undefined && record !== undefined) {
      const refusal = this.#refuseMore()
      if (refusal !== undefined) return { error: refusal.toBody() }
      this.#startEnding(this.#create(record))
    }
    const open = this.#open.get(request.id)
    if (open !== undefined && record !== undefined && record.decision !== open.record.decision) {
      this.#writeDecision(open, record)
    }
    return { ok: await this.#waitForResult(request.id) }
  }

  fateOf(producerId: bigint, id: string, number: number): TransactionFate {
    const record = this.#open.get(id)?.record
    const isThis = record?.producerId === producerId && number === ONE_SHOT_NUMBER
    return isThis ? 'pending' : 'unknown'
  }

  /** Idempotent: may run at any time and repeatedly. */
  async onAlarm(): Promise<void> {
    if (this.#rowsCount === 0) return
    const nowMs = this.#nowMs()
    for (const open of [...this.#open.values()]) this.#abortIfOverdue(open)
    await Promise.all([...this.#open.values()].map((open) => this.#continueEnding(open)))
    this.#writeProgress()
    if (nowMs >= this.#expiryAtMs) this.#expire(nowMs)
    if (this.#rowsCount > 0) this.#ensureAlarm(this.#expiryAtMs)
    for (const { record } of this.#open.values()) this.#armFor(record)
  }

  // -- rows --------------------------------------------------------------------------------------

  #find(id: string): OneShotRecord | undefined {
    return this.#open.get(id)?.record ?? this.#findEnded(id)
  }

  #findEnded(id: string): OneShotRecord | undefined {
    const record = this.#parts.store.readOneShot(id)
    return record && completeOneShot(record)
  }

  #refuseMore(): EdgelogError | undefined {
    const isFull = this.#open.size >= ONE_SHOT_OPEN_MAX || this.#rowsCount >= ONE_SHOT_ROWS_MAX
    if (!isFull) return undefined
    const details = { retryAfterMs: THROTTLE_MS }
    const why = 'too many transactions of single calls; try again later'
    return new EdgelogError('throttled', why, { details })
  }

  #create(record: OneShotRecord): OpenOneShot {
    // Not older than the progress, also if the clock went back: older ones are not read when the object wakes up.
    const createdAtMs = Math.max(record.createdAtMs, this.#endedBeforeMs)
    const created = { ...record, createdAtMs }
    this.#parts.store.writeOneShot(created)
    this.#rowsCount += 1
    this.#armFor(created)
    return this.#addOpen(created)
  }

  #writeDecision(open: OpenOneShot, record: OneShotRecord): void {
    this.#parts.store.writeOneShot(record)
    open.record = record
    this.#armFor(record)
    this.#startEnding(open)
  }

  /** Moves the progress up to the oldest open transaction. */
  #writeProgress(): void {
    const oldestMs = Math.min(
      this.#nowMs(),
      ...[...this.#open.values()].map(({ record }) => record.createdAtMs),
    )
    if (oldestMs <= this.#endedBeforeMs) return
    this.#endedBeforeMs = oldestMs
    this.#parts.store.writeProgress({ endedBeforeMs: oldestMs })
  }

  #expire(nowMs: number): void {
    // Never one that is open: its participants wait for the decision.
    const cutoffMs = Math.min(oneShotCutoffMs(nowMs), this.#endedBeforeMs)
    this.#parts.store.deleteOneShotsBefore(cutoffMs)
    this.#rowsCount = this.#parts.store.countOneShots()
    this.#expiryAtMs = nowMs + ONE_SHOT_EXPIRY_INTERVAL_MS
  }

  // -- decisions and their end -------------------------------------------------------------------

  #addOpen(record: OneShotRecord): OpenOneShot {
    const open: OpenOneShot = {
      record,
      ending: undefined,
      decided: Promise.withResolvers<void>(),
      ended: Promise.withResolvers<void>(),
    }
    this.#open.set(record.id, open)
    return open
  }

  #abortIfOverdue(open: OpenOneShot): void {
    const record = abortOverdue(open.record, this.#nowMs())
    if (record !== open.record) this.#writeDecision(open, record)
  }

  #startEnding(open: OpenOneShot): void {
    const request = oneShotMarkerOf(open.record)
    if (request === undefined) return
    const { participants, clock } = this.#parts
    const { id: transactionalId, partitions, groups } = open.record
    const ended = { transactionalId, partitions, groups }
    open.ending = new Ending(ended, request, participants, clock)
    open.decided.resolve()
    void this.#continueEnding(open)
  }

  async #continueEnding(open: OpenOneShot): Promise<void> {
    if (open.ending === undefined) return
    const haveAllEnded = await open.ending.run()
    if (this.#open.get(open.record.id) !== open) return
    if (!haveAllEnded) {
      this.#ensureAlarm(this.#nowMs() + open.ending.retryMs)
      return
    }
    this.#open.delete(open.record.id)
    open.record = completeOneShot(open.record)
    open.ended.resolve()
  }

  /** Waits for the decision until the deadline, and then shortly for its end. */
  async #waitForResult(id: string): Promise<OneShotResult> {
    const open = this.#open.get(id)
    if (open === undefined) return decidedResult(this.#findEnded(id))
    const waitMs = Math.max(0, open.record.deadlineMs - this.#nowMs())
    await within(this.#parts.clock, waitMs, open.decided.promise)
    this.#abortIfOverdue(open)
    await within(this.#parts.clock, TRANSACTION_END_WAIT_MS, open.ended.promise)
    return decidedResult(open.record)
  }

  // -- time --------------------------------------------------------------------------------------

  #armFor({ decision, deadlineMs }: OneShotRecord): void {
    this.#ensureAlarm(decision === undefined ? deadlineMs : this.#nowMs() + TRANSACTION_ALARM_MS)
  }

  #ensureAlarm(atMs: number): void {
    this.#parts.alarm.ensure(atMs, this.#nowMs())
  }

  #nowMs(): number {
    return this.#parts.clock.nowMs()
  }
}

function decidedResult(record: OneShotRecord | undefined): OneShotResult {
  const result = record && resultOfOneShot(record)
  if (result !== undefined) return result
  throw new Error('invariant broken: a transaction that is not open was decided')
}
