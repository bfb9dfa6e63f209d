import { EdgelogError } from '../errors.ts'

/** Returns the error for compressed bytes that violate their format. */
export function corrupt(format: string, why: string, cause?: unknown): EdgelogError {
  return new EdgelogError(
    'corrupt_message',
    `${format}: ${why}`,
    cause === undefined ? {} : { cause },
  )
}

/** Returns the error for compressed bytes whose content exceeds the limit. */
export function tooLarge(format: string, maxBytes: number): EdgelogError {
  return new EdgelogError(
    'message_too_large',
    `${format}: decompresses to more than the allowed ${maxBytes} bytes`,
  )
}
