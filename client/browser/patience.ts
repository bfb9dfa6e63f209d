/** Readers whose token is refused wait for another one, as they wait for the network. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { Connection } from '../http/connection.ts'
import { Refusal, refusalOf } from '../http/refusal.ts'

/** Asks the page for another token; it answers in its own time. */
export type RenewToken = () => Promise<boolean>

/** @throws {Refusal} `unavailable` where the token is refused: whoever called tries again. */
export async function patiently<T>(renewToken: RenewToken, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof EdgelogError ? error.code : undefined
    if (code !== 'unauthorized' && code !== 'forbidden') throw error
    void renewToken()
    const options = { status: 0, isForeign: false, cause: error }
    throw new Refusal('unavailable', 'the token is refused', options)
  }
}

/** A connection each of whose calls is made `patiently`. */
export function patientConnection(connection: Connection, renewToken: RenewToken): Connection {
  return {
    ...connection,
    get token() {
      return connection.token
    },
    fetch: (input, init) =>
      patiently(renewToken, async () => {
        const response = await connection.fetch(input, init)
        const { status } = response
        if (status !== 401 && status !== 403) return response
        throw await refusalOf(response, connection.clock.now())
      }),
  }
}
