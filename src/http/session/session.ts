/**
 * A session: one WebSocket for the requests of one client. docs/PROTOCOL.md describes the messages.
 *
 * Appends start in the order of the client; calls are served beside them and beside one another. A request counts as
 * held until its response is sent.
 */
import { parseWith } from '../../app/route.ts'
import type { Broker } from '../../broker/broker.ts'
import { DecodeError } from '../../core/bytes/decode-error.ts'
import { EdgelogError, ERRORS } from '../../core/errors.ts'
import { parseExactJson } from '../../core/json/exact-json.ts'
import {
  PING_INTERVAL_MS,
  REQUEST_BODY_BYTES_MAX,
  SESSION_REQUESTS_MAX,
  SESSION_WINDOW_BYTES,
  TAIL_CONTROL_BYTES_MAX,
} from '../../core/limits.ts'
import {
  decodeSessionEntries,
  encodeRefused,
  encodeSessionEntry,
  SESSION_CLOSE_CODES,
  SESSION_ENTRY,
  SESSION_ENTRY_HEADER_BYTES,
  type SessionEntry,
} from '../../core/log/session-protocol.ts'
import { tailFrameBytesMax, tailParts } from '../../core/log/tail-protocol.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { report } from '../../events/report.ts'
import { TailSubscriptions } from '../tail/tail-subscriptions.ts'
import { type Responder, SessionAppends } from './session-appends.ts'
import type { SessionCalls } from './session-calls.ts'
import type { SessionMemory } from './session-memory.ts'
import type { SessionOutput } from './session-output.ts'
import { SessionControl } from './session-schemas.ts'

const CLOSE_ENDED = 1000
const CLOSE_INVALID = 1008
/** Bytes of a close frame's reason. */
const REASON_LENGTH_MAX = 120

export interface SessionContext {
  readonly socket: WebSocket
  readonly output: SessionOutput
  readonly memory: SessionMemory
  readonly calls: SessionCalls
  readonly broker: Broker
  /** Calls to objects after which the client is asked to use another session. */
  readonly callsMax: number
  /** Returns the error of the caller if the session may not go on. */
  readonly callerError: () => EdgelogError | undefined
}

export class Session {
  readonly #context: SessionContext
  readonly #output: SessionOutput
  readonly #memory: SessionMemory
  readonly #appends: SessionAppends
  readonly #tails: TailSubscriptions
  /** Requests without a response, and their bytes. */
  #requestsCount = 0
  #requestBytes = 0
  #isEnding = false
  #hasAskedForEnd = false
  #pingTimer: ReturnType<typeof setInterval> | undefined

  constructor(context: SessionContext) {
    const { broker, output, memory } = context
    this.#context = context
    this.#output = output
    this.#memory = memory
    this.#appends = new SessionAppends(broker, output)
    this.#tails = new TailSubscriptions(broker, {
      get isOpen() {
        return output.isOpen
      },
      notify: (notice) => output.notify(notice),
      sendFrame: (id, message, windowBytes) => sendFrame(output, id, message, windowBytes),
    })
  }

  open(): void {
    const { socket } = this.#context
    socket.accept()
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#receive(data))
    socket.addEventListener('close', () => this.#close(CLOSE_ENDED, ''))
    socket.addEventListener('error', () => this.#close(CLOSE_ENDED, ''))
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS)
  }

  #ping(): void {
    const refusal = this.#context.callerError()
    if (refusal !== undefined) this.#fail(refusal)
    else if (!this.#output.ping()) this.#close(CLOSE_INVALID, 'the client consumes nothing')
  }

  #receive(data: unknown): void {
    try {
      if (data instanceof ArrayBuffer) {
        for (const entry of decodeSessionEntries(new Uint8Array(data))) this.#begin(entry)
        this.#memory.check()
      } else this.#receiveText(String(data))
    } catch (error) {
      this.#fail(error)
    }
  }

  #begin({ kind, id, content }: SessionEntry): void {
    if (this.#isEnding) throw invalid('kind: no request is allowed after the end')
    const sizeBytes = SESSION_ENTRY_HEADER_BYTES + content.length
    const responder = this.#hold(id, sizeBytes)
    if (kind === SESSION_ENTRY.append) this.#appends.push(id, content, responder)
    else if (kind === SESSION_ENTRY.call) {
      this.#context.calls.serve(id, content).then(
        () => responder.respond(undefined),
        (error: unknown) => responder.fail(error),
      )
    } else
      throw invalid(
        `kind: ${SESSION_ENTRY.append} or ${SESSION_ENTRY.call} is allowed, got ${kind}`,
      )
  }

  /** Counts a request until its response is sent. */
  #hold(id: number, sizeBytes: number): Responder {
    this.#requestsCount += 1
    this.#requestBytes += sizeBytes
    this.#memory.hold(sizeBytes)
    if (this.#requestsCount > SESSION_REQUESTS_MAX) {
      throw invalid(`id: at most ${SESSION_REQUESTS_MAX} requests without a response are allowed`)
    }
    if (this.#requestBytes > SESSION_WINDOW_BYTES + REQUEST_BODY_BYTES_MAX) {
      throw invalid(
        `length: at most ${SESSION_WINDOW_BYTES} bytes without a response are allowed before a request`,
      )
    }
    const respond = (entry: Uint8Array | undefined) => {
      if (entry !== undefined) this.#output.send(entry)
      this.#requestsCount -= 1
      this.#requestBytes -= sizeBytes
      this.#memory.hold(-sizeBytes)
      this.#afterResponse()
    }
    return { respond, fail: (error) => respond(refused(id, error)) }
  }

  #afterResponse(): void {
    if (this.#isEnding && this.#requestsCount === 0) {
      this.#close(CLOSE_ENDED, '')
      return
    }
    const { broker, callsMax } = this.#context
    if (this.#hasAskedForEnd || !broker.isWornOut(callsMax)) return
    this.#hasAskedForEnd = true
    this.#output.notify({ op: 'end' })
  }

  #receiveText(text: string): void {
    let named: object = {}
    try {
      if (text.length > TAIL_CONTROL_BYTES_MAX) {
        throw invalid(`message: at most ${TAIL_CONTROL_BYTES_MAX} characters are allowed`)
      }
      const message = parseExactJson(text, 'message')
      named = namesOf(message)
      const control = parseWith(SessionControl, message, '', 'message')
      if (control.op === 'open') {
        const { ref, topic, topicId, partition } = control
        const name = parseTopicName(topic, 'topic')
        this.#appends.open(ref, { name, ...(topicId !== undefined && { id: topicId }) }, partition)
      } else if (control.op === 'consumed') {
        if (!this.#output.consumed(control.mark))
          this.#fail(invalid('mark: not sent, or echoed before'))
      } else if (control.op === 'end') this.#end()
      else this.#tails.receive(control).catch((error: unknown) => this.#refuse(named, error))
    } catch (error) {
      this.#refuse(named, error)
    }
  }

  /** Responds to a wrong text message. */
  #refuse(named: object, error: unknown): void {
    // The client could fill the memory with errors that it does not read.
    if (!(error instanceof EdgelogError) || !this.#output.hasCredit) this.#fail(error)
    else this.#output.notify({ op: 'error', ...named, error: error.toBody() })
  }

  #end(): void {
    this.#isEnding = true
    this.#tails.unsubscribeAll()
    if (this.#requestsCount === 0) this.#close(CLOSE_ENDED, '')
  }

  /** Closes the session for an error that is not the response to one request. */
  #fail(error: unknown): void {
    if (error instanceof DecodeError) this.#close(CLOSE_INVALID, error.message)
    else if (error instanceof EdgelogError) {
      const codes: Readonly<Record<string, number>> = SESSION_CLOSE_CODES
      this.#close(codes[error.code] ?? CLOSE_INVALID, error.message)
    } else throw error
  }

  #close(code: number, reason: string): void {
    clearInterval(this.#pingTimer)
    this.#tails.unsubscribeAll()
    this.#output.close(code, reason.slice(0, REASON_LENGTH_MAX))
    this.#memory.release()
  }
}

function sendFrame(
  output: SessionOutput,
  id: number,
  message: Uint8Array,
  windowBytes: number,
): void {
  for (const part of tailParts(message, tailFrameBytesMax(windowBytes))) {
    output.send(encodeSessionEntry(SESSION_ENTRY.tail, id, part))
  }
}

/** Returns the number by which a wrong message can be found, if it has one. */
function namesOf(message: unknown): object {
  if (typeof message !== 'object' || message === null) return {}
  const { id, ref } = message as { readonly id?: unknown; readonly ref?: unknown }
  return {
    ...(typeof id === 'number' && { id }),
    ...(typeof ref === 'number' && { ref }),
  }
}

function invalid(message: string): EdgelogError {
  return new EdgelogError('invalid_request', message)
}

function refused(id: number, error: unknown): Uint8Array {
  const known = errorOf(error)
  return encodeRefused(id, ERRORS[known.code].http, { error: known.toBody() })
}

function errorOf(error: unknown): EdgelogError {
  if (error instanceof EdgelogError) return error
  if (error instanceof DecodeError) return invalid(`content: ${error.message}`)
  const requestId = crypto.randomUUID()
  report({ type: 'unexpected_error', requestId, method: 'GET', path: '/v1/session', error })
  return new EdgelogError('internal', `internal server error, logged as request ${requestId}`)
}
