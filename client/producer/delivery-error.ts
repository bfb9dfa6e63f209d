/** Why records were not acknowledged, as their sender is told. */
import { EdgelogError } from '../../src/core/errors.ts'
import { DELIVERY_SILENCE_MS } from '../limits.ts'

/** @param deliveryTimeoutMs undefined: the limit is one of silence. */
export function notDelivered(deliveryTimeoutMs: number | undefined): EdgelogError {
  const why =
    deliveryTimeoutMs === undefined
      ? `nothing was acknowledged for ${DELIVERY_SILENCE_MS} ms`
      : `not acknowledged within ${deliveryTimeoutMs} ms`
  return new EdgelogError('unavailable', why)
}

/** A failure of which nobody knows whether the records were stored all the same. */
export function outcomeUnknown(error: EdgelogError): EdgelogError {
  if (error.code === 'unavailable') return error
  const message = `may be stored or not, after an attempt without an answer: ${error.message}`
  return new EdgelogError('unavailable', message, { cause: error })
}

/** The failure of records that were never sent: they are not stored, whatever is usual for the code. */
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
