import { EdgelogError } from '../errors.ts'

/** The error of compressed bytes that are not what their format says. */
export function corrupt(format: string, why: string, cause?: unknown): EdgelogError {
  return new EdgelogError(
    'corrupt_message',
    `${format}: ${why}`,
    cause === undefined ? {} : { cause },
  )
}

/** The error of compressed bytes that hold more than they may. */
export function tooLarge(format: string, maxBytes: number): EdgelogError {
  return new EdgelogError(
    'message_too_large',
    `${format}: decompresses to more than the ${maxBytes} bytes that are allowed`,
  )
}
