/** From edgelog's refusals to Kafka's numbers. */
import { EdgelogError, ERRORS, type ErrorCode } from '../core/errors.ts'

export const NO_ERROR = 0

/** What a refusal is on the wire. Any other error is a defect and goes on up. */
export function errorNumber(error: unknown): number {
  if (error instanceof EdgelogError) return ERRORS[error.code].kafka
  throw error
}

/** The number and the text, where a response has room for both. */
export function errorFields(error: unknown): {
  readonly errorCode: number
  readonly errorMessage: string
} {
  const errorCode = errorNumber(error)
  return { errorCode, errorMessage: (error as EdgelogError).message }
}

export function numberOf(code: ErrorCode): number {
  return ERRORS[code].kafka
}

/** The number of `work`'s refusal, or its result. */
export async function orError<T>(work: () => Promise<T>): Promise<T | EdgelogError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
}
