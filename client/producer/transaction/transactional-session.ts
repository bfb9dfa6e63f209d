/**
 * The producer of a transactional id (docs/PROTOCOL.md, section 15.2): its id and epoch, and the calls about its
 * transactions.
 *
 *   no epoch ──begin──> epoch ──commit, abort──> next epoch
 *      ▲                  │
 *      └── unknown end ───┘        fenced by a later instance: for ever
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { ProducerIdAndEpoch } from '../../../src/core/transaction/participant-api.ts'
import { type Call, type Connection, request, requestJson } from '../../http/connection.ts'
import { RequestError } from '../../http/request-error.ts'
import { retryTransient } from '../../http/retry.ts'
import { TRANSACTION_ABORT_TIMEOUT_MS } from '../../limits.ts'
import { deliveryLimitMs, type ProducerSettings } from '../producer-options.ts'
import { aborted, commitUnknown } from './transaction-error.ts'
import type { GroupOffsets } from './transaction-parts.ts'

interface SessionContext {
  readonly connection: Connection
  readonly settings: ProducerSettings
  readonly signal: AbortSignal
}

interface ProducerResponse {
  readonly producerId: string
  readonly producerEpoch: number
  readonly visible?: boolean
}

export class TransactionalSession {
  readonly transactionalId: string
  readonly #context: SessionContext
  /** The last known id and epoch; undefined before the first transaction. */
  #producer: ProducerIdAndEpoch | undefined
  /** True if the epoch may be an old one, because the end of the last transaction is unknown. */
  #isEpochUnknown = true
  #fenced: EdgelogError | undefined

  constructor(transactionalId: string, context: SessionContext) {
    this.transactionalId = transactionalId
    this.#context = context
  }

  /**
   * Returns the id and epoch for the next transaction. The first call fences earlier instances.
   *
   * @throws {EdgelogError} `producer_fenced` for ever, once a later instance has taken over; `unavailable`, ...
   */
  async begin(): Promise<ProducerIdAndEpoch> {
    if (this.#fenced !== undefined) throw this.#fenced
    if (this.#producer !== undefined && !this.#isEpochUnknown) return this.#producer
    const timeoutMs = this.#context.settings.transactionTimeoutMs
    try {
      const continued = this.#producer === undefined ? {} : shown(this.#producer)
      return this.#take(await this.#call('PUT', '', { timeoutMs, ...continued }))
    } catch (error) {
      // The server forgets an id that is not used for 7 days.
      if (!hasCode(error, 'invalid_producer_id_mapping')) throw this.#noteFenced(error)
      return this.#take(await this.#call('PUT', '', { timeoutMs }))
    }
  }

  /** Adds offsets to the open transaction. @throws {EdgelogError} the reason to abort it. */
  async addOffsets({ groupId: group, member, offsets }: GroupOffsets): Promise<void> {
    const producer = shown(await this.begin())
    const { connection, settings, signal } = this.#context
    const path = `${this.#path}/offsets`
    const call = { ...post({ ...producer, group, ...member, offsets }), signal }
    const options = { ...settings, timeoutMs: deliveryLimitMs(settings), signal }
    await retryTransient(connection, options, () => request(connection, path, call, async () => {}))
  }

  /**
   * Commits the open transaction. Resolves to whether all of it is visible.
   *
   * @throws {EdgelogError} `transaction_aborted`, `producer_fenced`; `unavailable` if the outcome is unknown.
   */
  async commit(): Promise<boolean> {
    const producer = shown(await this.begin())
    // Until a response arrives.
    this.#isEpochUnknown = true
    const attempts = { areUnknown: false }
    try {
      const response = await this.#call('POST', '/commit', producer, attempts)
      this.#take(response)
      return response.visible ?? false
    } catch (error) {
      if (hasCode(error, 'invalid_txn_state')) {
        await this.abort()
        throw aborted(error)
      }
      const failure = this.#noteFenced(error)
      if (attempts.areUnknown && failure instanceof EdgelogError) throw commitUnknown(failure)
      throw failure
    }
  }

  /** Aborts the open transaction. Never throws: what is not committed is aborted by its timeout. */
  async abort(): Promise<void> {
    if (this.#producer === undefined || this.#fenced !== undefined) return
    this.#isEpochUnknown = true
    const { connection, settings } = this.#context
    // Closing the producer does not stop it, because the abort frees readers.
    const options = { ...settings, timeoutMs: TRANSACTION_ABORT_TIMEOUT_MS }
    const call = post(shown(this.#producer))
    try {
      this.#take(
        await retryTransient(connection, options, () =>
          requestJson<ProducerResponse>(connection, `${this.#path}/abort`, call),
        ),
      )
    } catch (error) {
      // The next transaction begins with a new epoch, or throws this error.
      this.#noteFenced(error)
    }
  }

  get #path(): string {
    return `/v1/transactions/${encodeURIComponent(this.transactionalId)}`
  }

  /** @param attempts is set to unknown if a failed attempt may have taken effect. */
  async #call(
    method: 'PUT' | 'POST',
    action: string,
    body: object,
    attempts = { areUnknown: false },
  ): Promise<ProducerResponse> {
    const { connection, settings, signal } = this.#context
    const options = { ...settings, timeoutMs: deliveryLimitMs(settings), signal }
    const call: Call = { ...post(body), method, timeoutMs: settings.requestTimeoutMs, signal }
    return await retryTransient(connection, options, async () => {
      try {
        return await requestJson<ProducerResponse>(connection, this.#path + action, call)
      } catch (error) {
        if (!(error instanceof RequestError) || error.mayHaveTakenEffect) attempts.areUnknown = true
        throw error
      }
    })
  }

  #take({ producerId, producerEpoch }: ProducerResponse): ProducerIdAndEpoch {
    this.#producer = { producerId: BigInt(producerId), producerEpoch }
    this.#isEpochUnknown = false
    return this.#producer
  }

  #noteFenced(error: unknown): unknown {
    if (hasCode(error, 'producer_fenced')) this.#fenced = error
    return error
  }
}

function shown({ producerId, producerEpoch }: ProducerIdAndEpoch) {
  return { producerId: String(producerId), producerEpoch }
}

function post(body: object) {
  return {
    method: 'POST',
    body: JSON.stringify(body),
    contentType: 'application/json',
  } as const
}

function hasCode(error: unknown, code: EdgelogError['code']): error is EdgelogError {
  return error instanceof EdgelogError && error.code === code
}
