/** The appends of a session: they start in the order of the client, and each gets its own response. */
import type { Broker } from '../../broker/broker.ts'
import type { CalledTopic } from '../../broker/topic-metadata.ts'
import { EdgelogError } from '../../core/errors.ts'
import { SESSION_REFS_MAX } from '../../core/limits.ts'
import {
  decodeAppend,
  encodeAppended,
  type SessionAppend,
} from '../../core/log/session-protocol.ts'
import type { SessionOutput } from './session-output.ts'

/** Responds to one request. */
export interface Responder {
  /** Sends the response, and counts the request as served; undefined if the response is sent already. */
  respond(entry: Uint8Array | undefined): void
  fail(error: unknown): void
}

interface OpenedPartition {
  readonly topic: CalledTopic
  readonly partition: number
}

interface WaitingAppend {
  readonly id: number
  readonly append: SessionAppend
  readonly opened: OpenedPartition
  readonly responder: Responder
}

export class SessionAppends {
  readonly #broker: Broker
  readonly #output: SessionOutput
  readonly #refs: OpenedPartition[] = []
  /** Appends that have not started; bounded by the requests of the session. */
  #waiting: WaitingAppend[] = []
  #isStarting = false

  constructor(broker: Broker, output: SessionOutput) {
    this.#broker = broker
    this.#output = output
  }

  /** Lets `ref` stand for a partition in the appends that follow. */
  open(ref: number, topic: CalledTopic, partition: number): void {
    this.#refs[ref] = { topic, partition }
  }

  /** @throws {DecodeError} for content that is no append. */
  push(id: number, content: Uint8Array, responder: Responder): void {
    const append = decodeAppend(content)
    const opened = append.ref < SESSION_REFS_MAX ? this.#refs[append.ref] : undefined
    if (opened === undefined) {
      responder.fail(new EdgelogError('invalid_request', `ref: ${append.ref} is not open`))
      return
    }
    this.#waiting.push({ id, append, opened, responder })
    if (!this.#isStarting) void this.#startAll()
  }

  async #startAll(): Promise<void> {
    this.#isStarting = true
    while (this.#waiting.length > 0 && this.#output.isOpen) {
      if (this.#output.hasCredit) await this.#start(this.#waiting.shift() as WaitingAppend)
      else await this.#output.consumption()
    }
    this.#isStarting = false
    if (!this.#output.isOpen) this.#waiting = []
  }

  /** Starts one append. Resolves when another one to its partition comes behind it. */
  async #start({ id, append, opened, responder }: WaitingAppend): Promise<void> {
    const { batches, expectedOffset } = append
    try {
      const { appended } = await this.#broker.records.startAppend(
        opened.topic,
        opened.partition,
        batches,
        'resendable',
        expectedOffset === undefined ? {} : { expectedOffset },
      )
      appended.then(
        (result) => responder.respond(encodeAppended(id, result)),
        (error: unknown) => responder.fail(error),
      )
    } catch (error) {
      responder.fail(error)
    }
  }
}
