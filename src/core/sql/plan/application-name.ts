/** The name of the application that runs a query. */
import { crc32c } from '../../bytes/crc32c.ts'
import { murmur2 } from '../../bytes/murmur2.ts'

/** An id that fits into the name as it is: an application has at most 100 characters. */
const PLAIN = /^[A-Za-z0-9_-]{1,96}$/
const ID_LENGTH_SHOWN_MAX = 75

/** Returns the name of the application of a query. Ids have the names of sources, which may have any characters. */
export function applicationNameOf(queryId: string): string {
  if (PLAIN.test(queryId)) return `sql-${queryId}`
  const bytes = new TextEncoder().encode(queryId)
  const hash = [murmur2(bytes) >>> 0, crc32c(bytes)].map((one) => one.toString(16)).join('-')
  const shown = queryId.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, ID_LENGTH_SHOWN_MAX)
  return `sql-${shown}.${hash}`
}
