/**
 * Stores the client id of the database outside IndexedDB as well. A browser that finds its database
 * damaged, for example after it was killed, deletes it silently; a client id other than the noted
 * one reveals that. The mark is deleted together with the site's data, or by signing out.
 */
import type { Database } from './database.ts'

/** Notes the database's client id. @returns whether another id was noted, whose data is lost */
export async function isAnotherDatabase(database: Database): Promise<boolean> {
  const clientId = await database.read(['meta'], (tx) => tx.objectStore('meta').get('clientId'))
  // Without localStorage, disabled by the user or in a service worker, nothing can be noted.
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
    // The browser may forbid access.
    return undefined
  }
}
