/** How it stands, as a page can show it. */
import type { LastError, SyncStatus } from '../sync/sync.ts'

export interface StorageStatus {
  /** Of the whole origin, as the browser estimates it. */
  readonly usedBytes: number
  readonly quotaBytes: number
  /** The browser does not clear it by itself. */
  readonly isPersisted: boolean
  /** More than 80 % are used. */
  readonly isLow: boolean
}

/** `BrowserClient.status`; `link` and `transport` are those of the tab that leads. */
export interface ClientStatus extends SyncStatus {
  /** This tab speaks with the server, for all tabs. Where there are no Web Locks, each does. */
  readonly isLeader: boolean
  /** Records that are not in the log yet, of all tabs. */
  readonly pending: number
  /** Records that the log refused. */
  readonly parked: number
  /** The age of the oldest pending record, null without one: the measure of health. */
  readonly oldestPendingMs: number | null
  /** What the followed topics have, as heard last, and this browser has not; null: never in sync. */
  readonly lagRecords: number | null
  /** Looked at every 30 s at most; null: not yet, or the browser does not say. */
  readonly storage: StorageStatus | null
  /** Of the last failure; it stays when all is well again, as `link` says. */
  readonly lastError: LastError | null
}

/** Above this share of the quota the page is warned. */
const LOW_SHARE = 0.8

/** Null where the browser does not say. */
export async function storageStatus(): Promise<StorageStatus | null> {
  const storage = globalThis.navigator?.storage
  if (storage?.estimate === undefined) return null
  const { usage: usedBytes = 0, quota: quotaBytes = 0 } = await storage.estimate()
  const isPersisted = (await storage.persisted?.()) ?? false
  return { usedBytes, quotaBytes, isPersisted, isLow: usedBytes > quotaBytes * LOW_SHARE }
}
