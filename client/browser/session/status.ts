/** The status of the client, for pages to show. */
import type { LastError, SyncStatus } from '../sync/sync.ts'

export interface StorageStatus {
  /** Used by the whole origin, as the browser estimates it. */
  readonly usedBytes: number
  readonly quotaBytes: number
  /** True if the browser does not clear it automatically. */
  readonly isPersisted: boolean
  /** True if more than 80 % are used. */
  readonly isLow: boolean
}

/** `BrowserClient.status`; `link` and `transport` are those of the leading tab. */
export interface ClientStatus extends SyncStatus {
  /** True if this tab communicates with the server for all tabs. Without Web Locks every tab does. */
  readonly isLeader: boolean
  /** Records of all tabs that are not in the log yet. */
  readonly pending: number
  /** Records that the log rejected. */
  readonly parked: number
  /** Age of the oldest pending record, null without one: the measure of health. */
  readonly oldestPendingMs: number | null
  /** Records of the followed topics that this browser has not cached yet, as last reported; null: never in sync. */
  readonly lagRecords: number | null
  /** Read every 30 s at most; null: not read yet, or not supported by the browser. */
  readonly storage: StorageStatus | null
  /** The last failure; it stays after a recovery, which `link` shows. */
  readonly lastError: LastError | null
}

/** The page is warned above this share of the quota. */
const LOW_SHARE = 0.8

/** Returns null if the browser does not support it. */
export async function storageStatus(): Promise<StorageStatus | null> {
  const storage = globalThis.navigator?.storage
  if (storage?.estimate === undefined) return null
  const { usage: usedBytes = 0, quota: quotaBytes = 0 } = await storage.estimate()
  const isPersisted = (await storage.persisted?.()) ?? false
  return { usedBytes, quotaBytes, isPersisted, isLow: usedBytes > quotaBytes * LOW_SHARE }
}
