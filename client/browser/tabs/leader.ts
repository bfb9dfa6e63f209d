/**
 * Which of the tabs of one database speaks with the server: the one that holds a Web Lock. A term
 * lasts from asking for the lock to losing it, and may end before the lock was given.
 *
 *     start, tick, resume ──> queued ──lock──> newEpoch ──> leads ──┐
 *        ^                       │                │           │     │ tick: beat
 *        │                       v                v           v     │
 *        └── next tick ────── the term is over <────────────────────┘
 *               by: close, freeze, pagehide, a later epoch, the lock stolen, newEpoch failed, no database
 *
 * A lock outlives the freezing of its holder, so who hears no beat steals it. Two who lead at a time
 * cost bandwidth and nothing else, and the first beat of the later one ends that.
 */
import type { Clock, Timer } from '../../clock.ts'
import { BEAT_INTERVAL_MS, LEADER_SILENCE_MS_MAX } from '../limits.ts'
import type { PageEvent, PageEvents } from '../sync/page-events.ts'
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

interface LeaderContext {
  /** Of the lock: the same in all tabs of one database. */
  readonly name: string
  readonly channel: Channel
  readonly page: PageEvents
  readonly clock: Clock
  /** Undefined: there are none, and every tab leads. */
  readonly locks: Locks | undefined
}

interface LeaderListener {
  /** Begins a term: the epoch that comes after all before it, durable. Tried again if it rejects. */
  newEpoch(): Promise<number>
  /** The tab leads from now on. */
  gained(epoch: number): void
  /** It does not any more; called once for each `gained`. */
  lost(): void
  /** What the others are told with each beat. */
  status(): SyncStatus
}

export class Leader {
  readonly #context: LeaderContext
  readonly #listener: LeaderListener
  #stops: ReadonlyArray<() => void> = []
  #timer: Timer
  /** Aborted when it is over. */
  #term: AbortController | undefined
  /** The lock is ours: who holds it waits for nobody's beat. */
  #isHolding = false
  #epoch: number | undefined
  /** Ticks since a beat was heard. Not a time: that passes for a machine that sleeps, too. */
  #silentTicks = 0
  /** Frozen, or left behind in the history: nothing of the page may run from one moment to the next. */
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
      page.listen((event) => this.#turn(event)),
      channel.listen('beat', ({ epoch }) => this.#heard(epoch)),
    ]
    this.#request()
    this.#plan()
  }

  /** Another tab leads under a later epoch, or had better lead: this one asks again with its next tick. */
  stepDown(): void {
    if (this.#term !== undefined) this.#end(this.#term)
  }

  /** Hands over at once. Calling it again does no harm. */
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
    // Where no beat can arrive, silence says nothing.
    const maySteal = locks !== undefined && channel.isOpen && page.isVisible && !this.#isHolding
    this.#request(isSilent && maySteal)
  }

  #beat(epoch: number): void {
    this.#context.channel.post({ kind: 'beat', epoch, status: this.#listener.status() })
  }

  #heard(epoch: number): void {
    this.#silentTicks = 0
    if (this.#epoch === undefined) this.#plan()
    else if (this.#context.locks !== undefined && epoch > this.#epoch) this.stepDown()
  }

  #turn(event: PageEvent): void {
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
    // Instead of the request that waits in the queue.
    this.stepDown()
    this.#silentTicks = 0
    const { locks, name } = this.#context
    const term = new AbortController()
    this.#term = term
    const hold = () => this.#hold(term)
    const options = steal ? { steal } : { signal: term.signal }
    const held = locks === undefined ? hold() : locks.request(name, options, hold)
    // Rejected when the lock is stolen, the wait aborted or the epoch not to be had: all the same here.
    held.catch(() => undefined).finally(() => this.#end(term))
  }

  /** The lock is ours until this is over, or until it is stolen. */
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
