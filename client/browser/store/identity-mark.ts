/**
 * Whose database lay here, noted beside IndexedDB. A browser that finds its database damaged, say after
 * it was killed, throws it away without a word; another client id than the one noted tells of that. Where
 * the user clears the site's data, or signs out, the mark goes with it.
 */
import type { Database } from './database.ts'

/** Notes the database's client id. @returns whether another one was noted, whose data is lost. */
export async function isAnotherDatabase(database: Database): Promise<boolean> {
  const clientId = await database.read(['meta'], (tx) => tx.objectStore('meta').get('clientId'))
  // Without storage, say by the user's choice or in a service worker, nothing can be noted.
  const marks = storage()
  const noted = marks?.getItem(database.name)
  if (clientId === undefined || noted === clientId) return false
  marks?.setItem(database.name, String(clientId))
  return noted !== null && noted !== undefined
}

function storage(): Storage | undefined {
  try {
    return globalThis.localStorage
  } catch {
    // A page may be forbidden to look.
    return undefined
  }
}
