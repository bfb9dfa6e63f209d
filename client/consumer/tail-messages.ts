/** Messages of the server on a live tail, over any transport (docs/PROTOCOL.md, "Live tail"). */
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { EdgelogError, type ErrorBody, isErrorCode } from '../../src/core/errors.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import { decodeTailFrame, TAIL_ID_BYTES, type TailFrame } from '../../src/core/log/tail-protocol.ts'

/** Start of a subscription, and the ends of its log. */
export interface TailPosition extends LogEnds {
  readonly offset: number
  readonly topicId?: string
}

export type TailNotice =
  | ({ readonly op: 'subscribed'; readonly id: number } & TailPosition)
  /** A keep-alive. */
  | { readonly op: 'ping' }

export interface TailMessageListener {
  notice(notice: TailNotice): void
  frame(id: number, frame: TailFrame): void | Promise<void>
  /** The server ended one subscription, or rejected a message about it; the others continue. */
  closed(id: number, error: EdgelogError, op: 'closed' | 'error'): void
}

interface Refused<Op> {
  readonly op: Op
  readonly id?: number
  readonly error: ErrorBody
}

type ServerMessage = TailNotice | Refused<'closed'> | Refused<'error'>

/**
 * Passes a notice to the listener. Unknown kinds count as keep-alives.
 *
 * @throws {DecodeError} for an invalid notice; {EdgelogError} for an error without a subscription id
 */
export function takeNotice(text: string, listener: TailMessageListener): void {
  const message = parseNotice(text)
  if (message.op === 'closed' || message.op === 'error') {
    const error = errorOf(message.error)
    if (message.id === undefined) throw error
    listener.closed(message.id, error, message.op)
  } else listener.notice(message)
}

/**
 * Passes a frame (`id uint32 | frame`) to the listener.
 *
 * @throws {DecodeError} for a truncated frame
 */
export function takeFrame(bytes: Uint8Array, listener: TailMessageListener): void | Promise<void> {
  const id = new ByteReader(bytes).uint32()
  return listener.frame(id, decodeTailFrame(bytes, TAIL_ID_BYTES))
}

function parseNotice(text: string): ServerMessage {
  const notice = parseObject(text)
  const { op, error } = notice
  const isError = op === 'closed' || op === 'error'
  const hasError = typeof error === 'object' && error !== null
  if (typeof op !== 'string' || (isError && !hasError)) {
    throw new DecodeError(0, `not a notice: ${text}`)
  }
  return notice as unknown as ServerMessage
}

function parseObject(text: string): Record<string, unknown> {
  try {
    // Spreading a number, a text or null gives an object without members, which fails the next check.
    return { ...JSON.parse(text) }
  } catch {
    return {}
  }
}

function errorOf({ code, message, details }: ErrorBody): EdgelogError {
  const options = details === undefined ? {} : { details }
  if (isErrorCode(code)) return new EdgelogError(code, message, options)
  return new EdgelogError('internal', `${String(code)}: ${message}`, options)
}
