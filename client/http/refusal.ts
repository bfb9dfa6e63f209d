/** What a call that failed says: about its cause, and about whether it may have taken effect. */
import { EdgelogError, type ErrorBody, type ErrorCode, isErrorCode } from '../../src/core/errors.ts'
import { RETRY_AFTER_MS_MAX } from '../limits.ts'

/** Longest excerpt of an answer that is not ours, such as the page of a proxy. */
const EXCERPT_CHARS = 200

interface RefusalOptions {
  readonly status: number
  readonly retryAfterMs?: number | undefined
  readonly details?: EdgelogError['details']
  readonly cause?: unknown
  readonly isForeign?: boolean
}

/** An `EdgelogError` that knows how it arrived. */
export class Refusal extends EdgelogError {
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number
  readonly retryAfterMs: number | undefined
  /** It does not speak edgelog's language: a proxy, a captive portal, or no answer at all. */
  readonly isForeign: boolean

  constructor(code: ErrorCode, message: string, options: RefusalOptions) {
    const { details, cause } = options
    super(code, message, { ...(details !== undefined && { details }), cause })
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
    this.isForeign = options.isForeign ?? options.status === 0
  }

  /** Looks at the status: a proxy in between may have made the response, and knows nothing of the log. */
  override get mayHaveTakenEffect(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 408
  }

  /** The same call may be answered otherwise after a while. */
  get isTransient(): boolean {
    return this.mayHaveTakenEffect || this.status === 429 || this.status === 425
  }
}

/** The same call may be answered otherwise after a while. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Refusal) return error.isTransient
  return error instanceof EdgelogError && error.retryable
}

/** How long the server asks to be left alone; 0 where it did not ask. */
export function retryAfterMsOf(error: unknown): number {
  return error instanceof Refusal ? (error.retryAfterMs ?? 0) : 0
}

/** @throws whatever ends the answer before it is whole. */
export async function refusalOf(response: Response, nowMs: number): Promise<Refusal> {
  const { status, headers } = response
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), nowMs)
  // An answer that was cut short says nothing: a 409 may mean "later" as well as "never".
  const text = await response.text()
  const body = parseErrorBody(text)
  if (body === undefined) {
    const excerpt = text.slice(0, EXCERPT_CHARS).trim()
    const message = `HTTP ${status}${excerpt === '' ? '' : `: ${excerpt}`}`
    return new Refusal(codeOfStatus(status), message, { status, retryAfterMs, isForeign: true })
  }
  const { message, details } = body
  if (isErrorCode(body.code)) {
    const isExact = typeof details?.retryAfterMs === 'number'
    return new Refusal(body.code, message, {
      status,
      retryAfterMs: isExact ? boundedDelayMs(Number(details.retryAfterMs)) : retryAfterMs,
      details,
    })
  }
  return new Refusal('internal', `${String(body.code)}: ${message}`, {
    status,
    retryAfterMs,
    details,
  })
}

/** Any failure of the call itself, as the error of a server that cannot be reached. */
export function unavailable(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const why = cause instanceof Error ? cause.message : String(cause)
  return new Refusal('unavailable', `no answer from the server: ${why}`, {
    status: 0,
    cause: error,
  })
}

function parseErrorBody(text: string): ErrorBody | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: ErrorBody }
    return typeof error?.message === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

/** For answers of proxies, which do not know our codes. */
function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  if (status === 413) return 'request_too_large'
  if (status === 429) return 'throttled'
  if (status === 408 || status >= 500) return 'unavailable'
  return 'internal'
}

/** Seconds, or a date. */
function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const delayMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs
  if (Number.isNaN(delayMs)) return undefined
  return boundedDelayMs(delayMs)
}

function boundedDelayMs(delayMs: number): number {
  return Math.min(Math.max(0, delayMs), RETRY_AFTER_MS_MAX)
}
