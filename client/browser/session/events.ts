/** The events that a page receives from its client. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { TopicResetReason } from '../tabs/channel.ts'
import type { ClientStatus } from './status.ts'

export interface TopicReset {
  readonly topic: string
  /**
   * `recreated`: another topic has the name now; `truncated`: the log ends before the cached part;
   * `logStartMoved`: the log begins behind the cached part; `deleted`: the topic does not exist.
   */
  readonly reason: TopicResetReason
}

/** The events of `BrowserClient.on`, and their values. */
export interface BrowserEvents {
  /** The status changed, apart from a growing `oldestPendingMs`. */
  status: ClientStatus
  /** The pending or parked records may have changed, in any tab: read `outbox` again. */
  outbox: undefined
  /** The log rejected records; `outbox.parked()` returns them until `retry` or `discard`. */
  parked: { readonly topic: string; readonly error: EdgelogError }
  /**
   * The cached part of a topic was dropped and is read again: discard state that was built
   * from it. Records that wait to be sent stay, or are parked if the topic was deleted.
   */
  topicReset: TopicReset
  /**
   * The browser or its user cleared the database, with unsent records and followed topics.
   * `pendingRecords` is null if that happened before this page was opened, so the number is not available.
   */
  storageLost: { readonly pendingRecords: number | null }
  /** Emitted once after `connect`: another principal has unsent records here; see `adopt`. */
  otherPrincipal: { readonly principal: string; readonly pendingRecords: number }
  /** Another tab has signed out: this client is closed, and its data is deleted. */
  signedOut: undefined
  /**
   * `outdated`: another tab runs a newer version, and this one cannot store any more;
   * `blocked`: an older tab blocks this one, which continues when that tab is closed.
   */
  reloadNeeded: { readonly reason: 'outdated' | 'blocked' }
}
