/**
 * Coordinates the transactions of one transactional id. A thin shell: the rules of `core/transaction` decide, and this
 * class writes their decision in the same turn, ends decided transactions, and continues by alarm.
 *
 * The decision is written before any participant is called. The output gate of the platform holds the calls back until
 * it is durable, so whatever happens then, the same decision is sent again: at once when the object wakes up, or by
 * the alarm. The completion is written with the next change or by the alarm, because repeating an end is harmless.
 */
import { EdgelogError, type Result, replyAsync, unwrap } from '../../src/core/errors.ts'
import {
  ID_REGISTRATION_RETRY_MS,
  TRANSACTION_ALARM_MS,
  TRANSACTION_END_WAIT_MS,
} from '../../src/core/limits.ts'
import { decideAdd, decideVerify } from '../../src/core/transaction/add-participants.ts'
import { decideEnd, decideForceAbort } from '../../src/core/transaction/end-transaction.ts'
import { decideInit } from '../../src/core/transaction/init-producer-id.ts'
import type { ProducerIdAndEpoch } from '../../src/core/transaction/participant-api.ts'
import { complete } from '../../src/core/transaction/prepare.ts'
import { producerIdFrom } from '../../src/core/transaction/producer-ids.ts'
import type {
  AddParticipantsRequest,
  EndedTransaction,
  EndRequest,
  InitProducerIdRequest,
  TransactionDescription,
  TransactionFate,
  VerifyRequest,
} from '../../src/core/transaction/transaction-api.ts'
import {
  describe,
  fateOf,
  nextDeadlineMs,
  passTime,
} from '../../src/core/transaction/transaction-deadlines.ts'
import {
  type Decision,
  type DecisionContext,
  isPrepared,
  markerOf,
  type TransactionRecord,
} from '../../src/core/transaction/transaction-record.ts'
import type { ObjectAlarm } from '../object-alarm.ts'
import { type Clock, within } from './clock.ts'
import { Ending } from './ending.ts'
import type { IdRegistration } from './id-registration.ts'
import type { ParticipantCalls } from './participants.ts'
import type { TransactionStore } from './transaction-store.ts'

export interface TransactionalIdParts {
  readonly store: TransactionStore
  readonly alarm: ObjectAlarm
  readonly registration: IdRegistration
  readonly participants: ParticipantCalls
  readonly clock: Clock
}

interface OpenEnding {
  readonly participants: Ending
  readonly ended: PromiseWithResolvers<void>
}

export class TransactionalId {
  readonly #parts: TransactionalIdParts
  #record: TransactionRecord | undefined
  /** True if the row is still that of the decision, and the transaction is complete. */
  #isUnwritten = false
  #ending: OpenEnding | undefined

  constructor(parts: TransactionalIdParts) {
    this.#parts = parts
    this.#record = parts.store.readTransaction()
    this.#startEnding()
  }

  // -- calls -------------------------------------------------------------------------------------

  async initProducerId(request: InitProducerIdRequest): Promise<Result<ProducerIdAndEpoch>> {
    await this.#waitForEnd()
    if (this.#record !== undefined)
      return this.#apply(decideInit(this.#record, request, this.#context()))
    return await replyAsync(() => this.#create(request))
  }

  async addParticipants(
    request: AddParticipantsRequest,
  ): Promise<Result<{ readonly number: number }>> {
    await this.#waitForEnd()
    return this.#apply(decideAdd(this.#record, request, this.#context()))
  }

  async verify(request: VerifyRequest): Promise<Result<{ readonly number: number }>> {
    await this.#waitForEnd()
    return decideVerify(this.#record, request)
  }

  async end(request: EndRequest): Promise<Result<EndedTransaction>> {
    await this.#waitForEnd()
    return await this.#applyEnd(decideEnd(this.#record, request, this.#context()))
  }

  async forceAbort(): Promise<Result<EndedTransaction>> {
    return await this.#applyEnd(decideForceAbort(this.#record, this.#context()))
  }

  describe(): Result<TransactionDescription> {
    return describe(this.#record)
  }

  fateOf(producerId: bigint, transactionalId: string, number: number): TransactionFate {
    return fateOf(this.#record, producerId, transactionalId, number)
  }

  /** Idempotent: may run at any time and repeatedly. */
  async onAlarm(): Promise<void> {
    if (this.#record === undefined) return await this.#forget()
    const next = passTime(this.#record, this.#context())
    if (next === undefined) return await this.#forget()
    if (next !== this.#record) this.#write(next)
    await this.#continueEnding()
    if (this.#record === undefined) return
    if (this.#isUnwritten) this.#write(this.#record)
    const deadlineMs = nextDeadlineMs(this.#record)
    if (deadlineMs !== undefined) this.#ensureAlarm(deadlineMs)
  }

  // -- one life of the id ------------------------------------------------------------------------

  /** Registers a new id, and then gives out its producer id. */
  async #create(request: InitProducerIdRequest): Promise<ProducerIdAndEpoch> {
    const { registration } = this.#parts
    return await registration.oneAtATime(async () => {
      if (this.#record === undefined) {
        // Checked before anything is written.
        unwrap(decideInit(undefined, request, this.#context()).result)
        await this.#register(request.transactionalId)
      }
      return unwrap(this.#apply(decideInit(this.#record, request, this.#context())))
    })
  }

  async #register(transactionalId: string): Promise<void> {
    // If the response is lost, the alarm removes the entry of the list.
    this.#ensureAlarm(this.#nowMs() + ID_REGISTRATION_RETRY_MS)
    try {
      await this.#parts.registration.add(transactionalId)
    } catch (error) {
      const isRefused = error instanceof EdgelogError && error.code !== 'unavailable'
      if (isRefused) await this.#clear()
      throw error
    }
  }

  /** Removes an id that has no transaction, or whose transactions have expired. Concurrent calls create it again. */
  async #forget(): Promise<void> {
    const { store, registration } = this.#parts
    await registration.oneAtATime(async () => {
      const isUsed =
        this.#record !== undefined && passTime(this.#record, this.#context()) !== undefined
      if (isUsed || store.readRegistration() === undefined) return
      this.#ensureAlarm(this.#nowMs() + ID_REGISTRATION_RETRY_MS)
      store.deleteTransaction()
      this.#record = undefined
      await registration.remove()
      await this.#clear()
    })
  }

  /** Deletes the rows together with the alarm: in one turn, since rows without an alarm would stay forever. */
  async #clear(): Promise<void> {
    await Promise.all([this.#parts.alarm.clear(), this.#parts.store.clear()])
  }

  // -- changing state ----------------------------------------------------------------------------

  #apply<T>({ record, result }: Decision<T>): Result<T> {
    if (record !== undefined && record !== this.#record) this.#write(record)
    return result
  }

  async #applyEnd(decision: Decision<ProducerIdAndEpoch>): Promise<Result<EndedTransaction>> {
    const result = this.#apply(decision)
    if ('error' in result) return result
    await this.#waitForEnd()
    const record = decision.record
    const isComplete = record === undefined || !isPrepared(record) || this.#record !== record
    return { ok: { ...result.ok, isComplete } }
  }

  #write(record: TransactionRecord): void {
    this.#parts.store.writeTransaction(record)
    this.#record = record
    this.#isUnwritten = false
    const deadlineMs = nextDeadlineMs(record) ?? this.#nowMs() + TRANSACTION_ALARM_MS
    this.#ensureAlarm(deadlineMs)
    this.#startEnding()
  }

  // -- ending a decided transaction --------------------------------------------------------------

  /** Waits shortly for the end of a decided transaction: then few calls have to be repeated. */
  async #waitForEnd(): Promise<void> {
    if (this.#ending === undefined) return
    await within(this.#parts.clock, TRANSACTION_END_WAIT_MS, this.#ending.ended.promise)
  }

  #startEnding(): void {
    if (this.#record === undefined || !isPrepared(this.#record) || this.#ending !== undefined)
      return
    const { participants, clock } = this.#parts
    this.#ending = {
      participants: new Ending(this.#record, markerOf(this.#record), participants, clock),
      ended: Promise.withResolvers<void>(),
    }
    void this.#continueEnding()
  }

  async #continueEnding(): Promise<void> {
    const ending = this.#ending
    if (ending === undefined) return
    const haveAllEnded = await ending.participants.run()
    // A concurrent call has completed it.
    if (this.#ending !== ending || this.#record === undefined) return
    if (!haveAllEnded) {
      this.#ensureAlarm(this.#nowMs() + ending.participants.retryMs)
      return
    }
    this.#ending = undefined
    this.#record = complete(this.#record, this.#nowMs())
    this.#isUnwritten = true
    ending.ended.resolve()
  }

  // -- time --------------------------------------------------------------------------------------

  #context(): DecisionContext {
    const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
    return { nowMs: this.#nowMs(), newProducerId: producerIdFrom(bits) }
  }

  #nowMs(): number {
    return this.#parts.clock.nowMs()
  }

  #ensureAlarm(atMs: number): void {
    this.#parts.alarm.ensure(atMs, this.#nowMs())
  }
}
