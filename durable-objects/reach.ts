/** Calls of one object to another. */
import { EdgelogError } from '../src/core/errors.ts'

/**
 * Runs a call. If it fails, its effect is unknown, and the caller repeats it.
 *
 * @throws {EdgelogError} `unavailable` in place of an error of the platform, such as one of an object that restarts.
 */
export async function reach<T>(target: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof EdgelogError) throw cause
    throw new EdgelogError('unavailable', `${target} did not respond`, { cause })
  }
}
