/** What a page can hear of its client. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { TopicResetReason } from '../tabs/channel.ts'
import type { ClientStatus } from './status.ts'

export interface TopicReset {
  readonly topic: string
  /**
   * `recreated`: another topic bears the name; `truncated`: the log ends before what was read;
   * `logStartMoved`: the log begins behind what was kept; `deleted`: there is no topic.
   */
  readonly reason: TopicResetReason
}

/** The events of `BrowserClient.on`, and what each carries. */
export interface BrowserEvents {
  /** Something in the status changed; that `oldestPendingMs` grows is none. */
  status: ClientStatus
  /** What is pending or parked may have changed, in whichever tab: ask `outbox` anew. */
  outbox: undefined
  /** The log refused records; `outbox.parked()` has them until `retry` or `discard`. */
  parked: { readonly topic: string; readonly error: EdgelogError }
  /**
   * What was kept of a topic is dropped, and read anew: drop what was built from it. What waits to be
   * sent stays, or is parked where the topic was deleted.
   */
  topicReset: TopicReset
  /**
   * The browser or its user cleared the database, with what was not sent and what was followed; null
   * where that happened before this page was opened, and nobody knows what was in it.
   */
  storageLost: { readonly pendingRecords: number | null }
  /** Told once after `connect`: somebody else has records here that were not sent; see `adopt`. */
  otherPrincipal: { readonly principal: string; readonly pendingRecords: number }
  /** Another tab has signed out: this client is closed, and nothing of it is left. */
  signedOut: undefined
  /**
   * `outdated`: another tab runs a newer version, and this one stores nothing any more; `blocked`: an
   * older tab is in the way, and this one goes on when that is closed.
   */
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
    // A copy: who listens anew from within is told the next time, and not without end.
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(value)
      } catch (error) {
        // A listener's mistake is the page's to see, and no reason to stop.
        reportError(error)
      }
    }
  }
}
