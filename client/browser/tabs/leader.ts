/**
 * Elects the tab of a database that communicates with the server: the one that holds a Web Lock.
 * A term lasts from the request for the lock to its loss, and may end before the lock is granted.
 *
 *     start, tick, resume ──> queued ──lock──> newEpoch ──> leads ──┐
 *        ^                       │                │           │     │ tick: beat
 *        │                       v                v           v     │
 *        └── next tick ────── the term is over <────────────────────┘
 *               by: close, freeze, pagehide, a later epoch, the lock stolen, newEpoch failed, no database
 *
 * A lock outlives the freezing of its holder, so a tab that receives no beat steals it. Two
 * leaders at a time only cost bandwidth, and the first beat of the later one ends that.
 */
import type { Clock, Timer } from '../../clock.ts'
import { BEAT_INTERVAL_MS, LEADER_SILENCE_MS_MAX } from '../limits.ts'
import type { Database } from '../store/database.ts'
import type { PageEvent, PageEvents } from '../sync/page-events.ts'
import type { SyncStatus } from '../sync/sync.ts'
import type { Channel } from './channel.ts'

/** The used part of `navigator.locks`. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    hold: () => Promise<void>,
  ): Promise<void>
}

interface LeaderContext {
  /** Name of the lock: the same in all tabs of one database. */
  readonly name: string
  readonly channel: Channel
  readonly page: PageEvents
  readonly clock: Clock
  /** Undefined: no locks are available, and every tab leads. */
  readonly locks: Locks | undefined
}

interface LeaderListener {
  /** Starts a term: returns the next epoch, stored durably. Retried if it rejects. */
  newEpoch(): Promise<number>
  /** This tab leads from now on. */
  gained(epoch: number): void
  /** This tab no longer leads; called once for each `gained`. */
  lost(): void
  /** Returns the status to send with each beat. */
  status(): SyncStatus
}

/** Returns the next epoch of a leader, which is stored durably. */
export async function nextEpoch(database: Database): Promise<number> {
  return await database.write(['meta'], async (tx) => {
    const meta = tx.objectStore('meta')
    const epoch = Number((await meta.get('leadEpoch')) ?? 0) + 1
    await meta.put(epoch, 'leadEpoch')
    return epoch
  })
}

export class Leader {
  readonly #context: LeaderContext
  readonly #listener: LeaderListener
  #stops: ReadonlyArray<() => void> = []
  #timer: Timer
  /** Aborted when the term is over. */
  #term: AbortController | undefined
  /** True while this tab holds the lock; it does not wait for beats then. */
  #isHolding = false
  #epoch: number | undefined
  /** Ticks since the last beat. Not a time, because time passes while a machine sleeps. */
  #silentTicks = 0
  /** True while the page is frozen or in the back/forward cache, where its code may stop at any moment. */
  #isAway = false
  #isClosed = false

  constructor(context: LeaderContext, listener: LeaderListener) {
    this.#context = context
    this.#listener = listener
  }

  /** Undefined: this tab does not lead. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  start(): void {
    if (this.#isClosed || this.#stops.length > 0) return
    const { channel, page } = this.#context
    this.#stops = [
      page.listen((event) => this.#onPageEvent(event)),
      channel.listen('beat', ({ epoch }) => this.#onBeat(epoch)),
    ]
    this.#request()
    this.#plan()
  }

  /**
   * Ends the term, because another tab leads under a later epoch
   * or is to lead; requests the lock again at the next tick.
   */
  stepDown(): void {
    if (this.#term !== undefined) this.#end(this.#term)
  }

  /** Ends the term for good. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#context.clock.clearTimeout(this.#timer)
    for (const stop of this.#stops) stop()
    this.stepDown()
  }

  #plan(): void {
    const { clock } = this.#context
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => this.#tick(), BEAT_INTERVAL_MS)
  }

  #tick(): void {
    const { channel, page, locks } = this.#context
    this.#plan()
    if (this.#epoch !== undefined) {
      this.#beat(this.#epoch)
      return
    }
    this.#silentTicks += 1
    const isSilent = this.#silentTicks * BEAT_INTERVAL_MS >= LEADER_SILENCE_MS_MAX
    // If no beat can arrive, silence proves nothing.
    const maySteal = locks !== undefined && channel.isOpen && page.isVisible && !this.#isHolding
    this.#request(isSilent && maySteal)
  }

  #beat(epoch: number): void {
    this.#context.channel.post({ kind: 'beat', epoch, status: this.#listener.status() })
  }

  #onBeat(epoch: number): void {
    this.#silentTicks = 0
    if (this.#epoch === undefined) this.#plan()
    else if (this.#context.locks !== undefined && epoch > this.#epoch) this.stepDown()
  }

  #onPageEvent(event: PageEvent): void {
    if (event === 'freeze' || event === 'pagehide') {
      this.#isAway = true
      this.stepDown()
    } else if (event === 'resume' || event === 'pageshow' || event === 'visible') {
      this.#isAway = false
      this.#request()
    }
  }

  #request(steal = false): void {
    if (this.#isAway || (this.#term !== undefined && !steal)) return
    // Replaces the request that waits in the queue.
    this.stepDown()
    this.#silentTicks = 0
    const { locks, name } = this.#context
    const term = new AbortController()
    this.#term = term
    const hold = () => this.#hold(term)
    const options = steal ? { steal } : { signal: term.signal }
    const held = locks === undefined ? hold() : locks.request(name, options, hold)
    // Rejected if the lock was stolen, the wait aborted, or the epoch failed: handled alike.
    held.catch(() => undefined).finally(() => this.#end(term))
  }

  /** Holds the lock until the term is over, or the lock is stolen. */
  async #hold(term: AbortController): Promise<void> {
    const { signal } = term
    if (signal.aborted) return
    this.#isHolding = true
    const epoch = await this.#listener.newEpoch()
    if (signal.aborted) return
    this.#epoch = epoch
    this.#plan()
    this.#beat(epoch)
    const over = new Promise((resolve) => signal.addEventListener('abort', resolve))
    this.#listener.gained(epoch)
    await over
  }

  #end(term: AbortController): void {
    term.abort()
    if (this.#term !== term) return
    this.#term = undefined
    this.#isHolding = false
    const wasLeader = this.#epoch !== undefined
    this.#epoch = undefined
    if (wasLeader) this.#listener.lost()
  }
}
