/** What a page can hear of its client. */
import type { EdgelogError } from '../../src/core/errors.ts'
import type { TopicResetReason } from './cache/cache-plan.ts'
import type { ClientStatus } from './status.ts'

export interface TopicReset {
  readonly topic: string
  /**
   * `recreated`: another topic bears the name; `truncated`: the log ends before what was read;
   * `logStartMoved`: the log begins behind what was read; `deleted`: there is no topic.
   */
  readonly reason: TopicResetReason
}

export interface BrowserEvents {
  status: ClientStatus
  /** What is pending or parked changed, in whichever tab. */
  outbox: undefined
  /** The log refused records; they are kept aside. */
  parked: { readonly topic: string; readonly error: EdgelogError }
  /** What was kept of a topic is dropped, and read anew; what waits to be sent is not touched. */
  topicReset: TopicReset
  /** The browser or its user cleared the database, and with it what was not sent. */
  storageLost: { readonly pendingRecords: number }
  /** Somebody else left records in this browser that were not sent; see `adopt`. */
  otherPrincipal: { readonly principal: string; readonly pendingRecords: number }
  /** Another tab runs a newer version (`outdated`), or an older one is in the way (`blocked`). */
  reloadNeeded: { readonly reason: 'outdated' | 'blocked' }
}

type Listener<Value> = (value: Value) => void

export class Emitter {
  readonly #listeners: { [Name in keyof BrowserEvents]?: Set<Listener<BrowserEvents[Name]>> } = {}

  /** Returns what ends it. */
  on<Name extends keyof BrowserEvents>(
    name: Name,
    listener: Listener<BrowserEvents[Name]>,
  ): () => void {
    const all = this.#listeners as Record<Name, Set<Listener<BrowserEvents[Name]>> | undefined>
    const listeners = all[name] ?? new Set()
    all[name] = listeners.add(listener)
    return () => listeners.delete(listener)
  }

  emit<Name extends keyof BrowserEvents>(name: Name, value: BrowserEvents[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(value)
      } catch (error) {
        // A listener's mistake is the page's to see, and no reason to stop.
        reportError(error)
      }
    }
  }
}
