/** Errors of transactions. */
import { EdgelogError, type ErrorBody, isErrorCode } from '../../../src/core/errors.ts'

/** A transaction that was aborted: none of it is visible, now or later. */
export class TransactionAbortedError extends EdgelogError {
  /** Why it was aborted; undefined: it was not decided in time. */
  readonly reason: EdgelogError | undefined

  constructor(message: string, reason: EdgelogError | undefined) {
    super('transaction_aborted', message, {
      ...(reason !== undefined && { details: { reason: reason.toBody() }, cause: reason }),
    })
    this.reason = reason
  }

  /** True if another transaction with the same contents may succeed. */
  override get retryable(): boolean {
    return this.reason?.retryable ?? true
  }
}

/** Returns the error of an aborted transaction that the server reported; any other error unchanged. */
export function typedError(error: unknown): unknown {
  if (!(error instanceof EdgelogError) || error.code !== 'transaction_aborted') return error
  const reason = error.details?.reason as ErrorBody | undefined
  const isKnown = reason !== undefined && isErrorCode(reason.code)
  return new TransactionAbortedError(
    error.message,
    isKnown ? EdgelogError.fromBody(reason) : undefined,
  )
}

/** Returns the error of a transaction that was not committed because of `reason`. */
export function aborted(reason: EdgelogError): TransactionAbortedError {
  return new TransactionAbortedError(`nothing is visible: ${reason.message}`, reason)
}

/** Returns the error of a call that a response to an earlier attempt may contradict. */
export function commitUnknown(error: EdgelogError): EdgelogError {
  const message = `the transaction may be committed or not: ${error.message}`
  return new EdgelogError('unavailable', message, { cause: error })
}
