/** What the log says on a live tail, whichever way it arrives (docs/PROTOCOL.md, "Live tail"). */
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { EdgelogError, type ErrorBody, isErrorCode } from '../../src/core/errors.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import { decodeTailFrame, TAIL_ID_BYTES, type TailFrame } from '../../src/core/log/tail-protocol.ts'

/** Where a subscription begins, and the ends of its log. */
export interface TailPosition extends LogEnds {
  readonly offset: number
  readonly topicId?: string
}

export type TailNotice =
  | ({ readonly op: 'subscribed'; readonly id: number } & TailPosition)
  /** A sign of life. */
  | { readonly op: 'ping' }

export interface TailMessageListener {
  notice(notice: TailNotice): void
  frame(id: number, frame: TailFrame): void | Promise<void>
  /** The log ended one subscription, or refused a message about it; the others go on. */
  closed(id: number, error: EdgelogError, op: 'closed' | 'error'): void
}

interface Refused<Op> {
  readonly op: Op
  readonly id?: number
  readonly error: ErrorBody
}

type Said = TailNotice | Refused<'closed'> | Refused<'error'>

/**
 * Hands on a notice. Kinds that are not known here count as a sign of life.
 *
 * @throws {DecodeError} for what is none; {EdgelogError} for an error that may be about anything.
 */
export function takeNotice(text: string, listener: TailMessageListener): void {
  const said = parseNotice(text)
  if (said.op === 'closed' || said.op === 'error') {
    const error = errorOf(said.error)
    if (said.id === undefined) throw error
    listener.closed(said.id, error, said.op)
  } else listener.notice(said)
}

/**
 * Hands on a frame, `id uint32 | frame`.
 *
 * @throws {DecodeError} for what is too short to be one.
 */
export function takeFrame(bytes: Uint8Array, listener: TailMessageListener): void | Promise<void> {
  const id = new ByteReader(bytes).uint32()
  return listener.frame(id, decodeTailFrame(bytes, TAIL_ID_BYTES))
}

function parseNotice(text: string): Said {
  const notice = parseObject(text)
  const { op, error } = notice
  const isError = op === 'closed' || op === 'error'
  const hasError = typeof error === 'object' && error !== null
  if (typeof op !== 'string' || (isError && !hasError)) {
    throw new DecodeError(0, `not a notice: ${text}`)
  }
  return notice as unknown as Said
}

function parseObject(text: string): Record<string, unknown> {
  try {
    // Of numbers, text and null no member is missed.
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
