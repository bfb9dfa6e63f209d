/**
 * Background sending from a service worker: sends queued records when the browser
 * reports a network, even if all pages are closed. Optional, where Background
 * Sync is supported (Chromium); otherwise the next page sends the records.
 *
 * @module
 * @example
 * // sw.js, registered with { type: 'module' }; pages connect with `backgroundSync: true`
 * import { flushOnSync } from 'edgelog/service-worker'
 *
 * flushOnSync({ url: 'https://log.example.com' })
 */
import { connect } from './browser-client.ts'
import { BACKGROUND_FLUSH_MS, SYNC_TAG } from './limits.ts'
import type { BrowserClientOptions } from './session/options.ts'

interface SyncEvent extends Event {
  readonly tag: string
  waitUntil(work: Promise<unknown>): void
}

export interface FlushOnSyncOptions extends BrowserClientOptions {
  /** Time limit of the work, shorter than the browser's; one minute. */
  readonly timeoutMs?: number
}

/**
 * Listens for the sync event that pages register. A `token` function
 * is called for each event, so no token is stored in the database.
 */
export function flushOnSync(options: FlushOnSyncOptions, scope: EventTarget = globalThis): void {
  scope.addEventListener('sync', (event) => {
    const { tag, waitUntil } = event as SyncEvent
    if (tag === SYNC_TAG) waitUntil.call(event, flushOnce(options))
  })
}

/**
 * Sends all queued records once, for occasions other than the sync
 * event. If a page is open, that page sends, and this call waits for it.
 *
 * @throws if not all records are sent in time; the browser retries then, and so does the next page
 */
export async function flushOnce(options: FlushOnSyncOptions): Promise<void> {
  const { timeoutMs = BACKGROUND_FLUSH_MS, ...clientOptions } = options
  const log = connect({ ...clientOptions, persist: false })
  try {
    await log.flush({ signal: AbortSignal.timeout(timeoutMs) })
  } finally {
    await log.close()
  }
}
