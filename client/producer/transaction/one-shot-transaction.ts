/**
 * A transaction that is made in one call (docs/PROTOCOL.md, section 15.1): its records are held as JSON until then. The
 * call has an id, so it is repeated after a lost response and takes effect once.
 */
import { recordToJson } from '../../../src/core/batch/json-record.ts'
import { EdgelogError, type ErrorCode } from '../../../src/core/errors.ts'
import { REQUEST_BODY_BYTES_MAX, REQUEST_RECORDS_MAX } from '../../../src/core/limits.ts'
import { type Connection, requestJson } from '../../http/connection.ts'
import { RequestError } from '../../http/request-error.ts'
import { retryTransient } from '../../http/retry.ts'
import { asEdgelogError } from '../delivery-error.ts'
import { deliveryLimitMs, type ProducerSettings } from '../producer-options.ts'
import type { SendLine } from '../send-line.ts'
import { commitUnknown, typedError } from './transaction-error.ts'
import type {
  TopicPartitionOffset,
  TransactionEnd,
  TransactionRecord,
  TransactionResult,
  TransactionSink,
} from './transaction-parts.ts'

interface OneShotContext {
  readonly connection: Connection
  readonly settings: ProducerSettings
  readonly line: SendLine
  readonly signal: AbortSignal
}

interface OneShotResponse {
  readonly state: string
  readonly visible: boolean
  readonly offsets: readonly TopicPartitionOffset[]
}

/** Results of the id itself: no earlier attempt under it was committed. */
const RESULTS: ReadonlySet<ErrorCode> = new Set([
  'transaction_aborted',
  'expected_offset_mismatch',
  'transaction_id_reused',
])

export class OneShotTransaction implements TransactionSink {
  readonly #id: string
  readonly #context: OneShotContext
  readonly #records: string[] = []
  /** Characters of all records: at most as many as the bytes of the body. */
  #textLength = 0
  /** True if an attempt may have committed. */
  #isUnknown = false

  constructor(id: string, context: OneShotContext) {
    this.#id = id
    this.#context = context
  }

  async add(record: TransactionRecord): Promise<void> {
    const text = recordText(record)
    this.#textLength += text.length
    if (this.#textLength > REQUEST_BODY_BYTES_MAX) throw tooLarge()
    if (this.#records.length === REQUEST_RECORDS_MAX) throw tooLarge()
    this.#records.push(text)
  }

  async commit({ offsets, expected }: TransactionEnd): Promise<TransactionResult> {
    const id = this.#id
    if (this.#records.length === 0 && offsets.length === 0) {
      return { id, isVisible: true, offsets: [] }
    }
    const groups = offsets.map(({ groupId: group, member, offsets }) => {
      return { group, ...member, offsets }
    })
    const rest = JSON.stringify({ id, offsets: groups, expect: expected })
    const records = `,"records":[${this.#records.join(',')}]}`
    const body = new TextEncoder().encode(rest.slice(0, -1) + records)
    if (body.length > REQUEST_BODY_BYTES_MAX) throw tooLarge()
    const { visible, offsets: stored } = await this.#post(body)
    return { id, isVisible: visible, offsets: stored }
  }

  async abort(): Promise<void> {
    // Nothing was sent, or the log has decided already.
    this.#records.length = 0
  }

  async #post(body: Uint8Array): Promise<OneShotResponse> {
    const { connection, settings, signal } = this.#context
    const options = { ...settings, timeoutMs: deliveryLimitMs(settings), signal }
    try {
      return await retryTransient(connection, options, () => this.#postOnce(body))
    } catch (error) {
      const failure = asEdgelogError(error)
      if (this.#isUnknown && !RESULTS.has(failure.code)) throw commitUnknown(failure)
      throw typedError(failure)
    }
  }

  async #postOnce(body: Uint8Array): Promise<OneShotResponse> {
    const { connection, settings, line, signal } = this.#context
    const turn = await line.begin(body.length, signal)
    signal.throwIfAborted()
    let result: 'acked' | 'answered' | 'failed' = 'failed'
    try {
      const response = await requestJson<OneShotResponse>(connection, '/v1/transactions', {
        method: 'POST',
        body,
        contentType: 'application/json',
        timeoutMs: settings.requestTimeoutMs + (turn?.extraMs ?? 0),
        signal,
      })
      if (response.state !== 'committed' || !Array.isArray(response.offsets)) throw foreign()
      result = 'acked'
      return response
    } catch (error) {
      // Proxies end slow requests and respond in place of the server. An aborted request may have arrived.
      if (error instanceof RequestError && !error.mayHaveTakenEffect) result = 'answered'
      else this.#isUnknown = true
      throw error
    } finally {
      turn?.end(result)
    }
  }
}

/** Returns the JSON of a record in the body of the request. */
export function recordText({ topic, record, partition, hasTimestamp }: TransactionRecord): string {
  const { offset: _, timestamp, ...json } = recordToJson({ offset: 0, ...record })
  // Without a timestamp the log sets it, so a repeat by another process has the same body.
  return JSON.stringify({ topic, partition, ...(hasTimestamp && { timestamp }), ...json })
}

function tooLarge(): EdgelogError {
  const allowed = `${REQUEST_BODY_BYTES_MAX} bytes of JSON and ${REQUEST_RECORDS_MAX} records`
  const larger = 'a producer with a transactionalId makes larger ones, in several calls'
  return new EdgelogError(
    'request_too_large',
    `a transaction in one call: ${allowed} are allowed; ${larger}`,
  )
}

function foreign(): RequestError {
  return new RequestError('unavailable', 'the response has no offsets', { status: 0 })
}
