/** Errors of failed requests: the cause, and whether the request may have taken effect. */
import { EdgelogError, type ErrorBody, type ErrorCode, isErrorCode } from '../../src/core/errors.ts'
import { RETRY_AFTER_MS_MAX } from '../limits.ts'

/** Longest excerpt of a foreign response, such as the error page of a proxy. */
const EXCERPT_CHARS = 200

interface RequestErrorOptions {
  readonly status: number
  readonly retryAfterMs?: number | undefined
  readonly details?: EdgelogError['details']
  readonly cause?: unknown
  readonly isForeign?: boolean
}

/** An `EdgelogError` with the HTTP details of the response. */
export class RequestError extends EdgelogError {
  /** HTTP status; 0 if there was no response. */
  readonly status: number
  readonly retryAfterMs: number | undefined
  /** True if the response did not come from an edgelog server: a proxy, a captive portal, or no response at all. */
  readonly isForeign: boolean

  constructor(code: ErrorCode, message: string, options: RequestErrorOptions) {
    const { details, cause } = options
    super(code, message, { ...(details !== undefined && { details }), cause })
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
    this.isForeign = options.isForeign ?? options.status === 0
  }

  /** Decides by the status: a proxy may have made the response without knowledge of the log. */
  override get mayHaveTakenEffect(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 408
  }

  /** True if a retry may succeed after a while: by the status, or by the code, as with `concurrent_transactions`. */
  get isTransient(): boolean {
    return this.mayHaveTakenEffect || this.status === 429 || this.status === 425 || this.retryable
  }
}

/** Returns whether a retry may succeed after a while. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RequestError) return error.isTransient
  return error instanceof EdgelogError && error.retryable
}

/** Returns the delay that the server requested; 0 without one. */
export function retryAfterMsOf(error: unknown): number {
  return error instanceof RequestError ? (error.retryAfterMs ?? 0) : 0
}

/** @throws the error that ended the response early. */
export async function refusalOf(response: Response, nowMs: number): Promise<RequestError> {
  const { status, headers } = response
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), nowMs)
  // A truncated response is an error of its own: without the code, a 409 may be temporary or permanent.
  const text = await response.text()
  const body = parseErrorBody(text)
  if (body === undefined) {
    const excerpt = text.slice(0, EXCERPT_CHARS).trim()
    const message = `HTTP ${status}${excerpt === '' ? '' : `: ${excerpt}`}`
    return new RequestError(codeOfStatus(status), message, {
      status,
      retryAfterMs,
      isForeign: true,
    })
  }
  const { message, details } = body
  if (isErrorCode(body.code)) {
    const isExact = typeof details?.retryAfterMs === 'number'
    return new RequestError(body.code, message, {
      status,
      retryAfterMs: isExact ? boundedDelayMs(Number(details.retryAfterMs)) : retryAfterMs,
      details,
    })
  }
  return new RequestError('internal', `${String(body.code)}: ${message}`, {
    status,
    retryAfterMs,
    details,
  })
}

/** Wraps any failure of the request itself as `unavailable`. */
export function unavailable(error: unknown): RequestError {
  if (error instanceof RequestError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const why = cause instanceof Error ? cause.message : String(cause)
  return new RequestError('unavailable', `no response from the server: ${why}`, {
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

/** Maps the status of a foreign response, which has no edgelog code. */
function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  if (status === 413) return 'request_too_large'
  if (status === 429) return 'throttled'
  if (status === 408 || status >= 500) return 'unavailable'
  return 'internal'
}

/** Parses seconds or an HTTP date. */
function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const delayMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs
  if (Number.isNaN(delayMs)) return undefined
  return boundedDelayMs(delayMs)
}

function boundedDelayMs(delayMs: number): number {
  return Math.min(Math.max(0, delayMs), RETRY_AFTER_MS_MAX)
}
