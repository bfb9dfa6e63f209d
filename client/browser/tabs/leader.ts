/** Which of the tabs of one database speaks with the server. */
import type { Clock } from '../../clock.ts'
import type { PageEvents } from '../sync/page-events.ts'
import type { SyncStatus } from '../sync/sync.ts'
import type { Channel } from './channel.ts'

/** What is needed of `navigator.locks`. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    hold: () => Promise<void>,
  ): Promise<void>
}

export interface LeaderContext {
  /** Of the lock: the same in all tabs of one database. */
  readonly name: string
  readonly channel: Channel
  readonly page: PageEvents
  readonly clock: Clock
  /** Undefined: there are none, and every tab leads. */
  readonly locks: Locks | undefined
}

export interface LeaderListener {
  /** Begins a term: the epoch that comes after all before it, durable. */
  newEpoch(): Promise<number>
  /** The tab leads from now on. */
  gained(epoch: number): void
  /** It does not any more; called once for each `gained`. */
  lost(): void
  /** What the others are told with each beat. */
  status(): SyncStatus
}

export class Leader {
  constructor(context: LeaderContext, listener: LeaderListener) {
    void [context, listener]
  }

  /** Undefined: another tab leads. */
  get epoch(): number | undefined {
    return undefined
  }

  start(): void {}

  /** Another tab leads under a later epoch, as the database says. */
  stepDown(): void {}

  /** Hands over at once. Calling it again does no harm. */
  close(): void {}
}
