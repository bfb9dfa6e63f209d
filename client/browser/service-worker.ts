/**
 * For a service worker: sends what pages have queued when the browser says that there is a network
 * again, though the pages are closed. A bonus where there is Background Sync (Chromium); the next page
 * sends it anyway.
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
  /** Ends the work earlier than the browser would; one minute. */
  readonly timeoutMs?: number
}

/**
 * Listens for the sync event that pages ask for. With a `token` that is a function it is asked each
 * time: nothing secret lies in the database.
 */
export function flushOnSync(options: FlushOnSyncOptions, scope: EventTarget = globalThis): void {
  scope.addEventListener('sync', (event) => {
    const { tag, waitUntil } = event as SyncEvent
    if (tag === SYNC_TAG) waitUntil.call(event, flushOnce(options))
  })
}

/**
 * Sends all that is queued, once: for other occasions than the sync event. Where a page is open, that
 * one sends, and this waits for it.
 *
 * @throws when not all is sent in time; the browser tries again then, and so does the next page.
 */
export async function flushOnce(options: FlushOnSyncOptions): Promise<void> {
  const { timeoutMs = BACKGROUND_FLUSH_MS, ...clientOptions } = options
  const log = connect({ ...clientOptions, persist: false })
  try {
    await log.producer().flush({ signal: AbortSignal.timeout(timeoutMs) })
  } finally {
    await log.close()
  }
}
