/** Why records were not acknowledged, as their sender is told. */
import { EdgelogError } from '../../src/core/errors.ts'

export function notDelivered(deliveryTimeoutMs: number): EdgelogError {
  return new EdgelogError('unavailable', `not acknowledged within ${deliveryTimeoutMs} ms`)
}

/** A failure of which nobody knows whether the records were stored all the same. */
export function outcomeUnknown(error: EdgelogError): EdgelogError {
  if (error.code === 'unavailable') return error
  const message = `may be stored or not, after an attempt without an answer: ${error.message}`
  return new EdgelogError('unavailable', message, { cause: error })
}

export function asEdgelogError(error: unknown): EdgelogError {
  if (error instanceof EdgelogError) return error
  return new EdgelogError('internal', String(error), { cause: error })
}
