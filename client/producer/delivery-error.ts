/** Errors with which unacknowledged records are rejected. */
import { EdgelogError } from '../../src/core/errors.ts'
import { DELIVERY_SILENCE_MS } from '../limits.ts'

/** @param deliveryTimeoutMs undefined: the limit is `DELIVERY_SILENCE_MS` of silence. */
export function notDelivered(deliveryTimeoutMs: number | undefined): EdgelogError {
  const why =
    deliveryTimeoutMs === undefined
      ? `nothing was acknowledged for ${DELIVERY_SILENCE_MS} ms`
      : `not acknowledged within ${deliveryTimeoutMs} ms`
  return new EdgelogError('unavailable', why)
}

/** Marks a failure after which the records may or may not be stored. */
export function outcomeUnknown(error: EdgelogError): EdgelogError {
  if (error.code === 'unavailable') return error
  const message = `may be stored or not, after an attempt without a response: ${error.message}`
  return new EdgelogError('unavailable', message, { cause: error })
}

/** The failure of records that were never sent: they are not stored, whatever the code usually implies. */
class NeverSentError extends EdgelogError {
  override get mayHaveTakenEffect(): boolean {
    return false
  }
}

export function neverSent(error: EdgelogError): EdgelogError {
  if (!error.mayHaveTakenEffect) return error
  return new NeverSentError(error.code, error.message, { cause: error })
}

export function asEdgelogError(error: unknown): EdgelogError {
  if (error instanceof EdgelogError) return error
  return new EdgelogError('internal', String(error), { cause: error })
}
