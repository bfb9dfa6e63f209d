/** Loads the parts of SQL that a statement needs. */
import { EdgelogError } from '../../../src/core/errors.ts'

/** @throws {EdgelogError} `unavailable` if a file is neither in the cache of the application nor on the network. */
export async function loadCode<Code>(loading: Promise<Code>): Promise<Code> {
  try {
    return await loading
  } catch (error) {
    throw new EdgelogError('unavailable', `the code of SQL: ${String(error)}`, { cause: error })
  }
}
