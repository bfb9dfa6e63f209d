/** One connection: its subscriptions, and the frames that arrive on it. */
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import { TailCredit } from '../../consumer/tail-credit.ts'
import type { TailNotice } from '../../consumer/tail-messages.ts'
import { TAIL_CREDIT_BYTES_MIN } from '../../limits.ts'
import { FOLLOW_CREDIT_BYTES, FOLLOW_PARTITION_CREDIT_BYTES } from '../limits.ts'
import type { Pauses } from './pauses.ts'
import type { Followed, SyncSink } from './sync-sink.ts'
import type { Subscription, Transport, TransportListener } from './transport.ts'

/** Owner of the connection. No method is called after `close`. */
interface LinkHost {
  readonly sink: SyncSink
  readonly pauses: Pauses
  readonly now: () => number
  readonly open: (listener: TransportListener) => Transport
  onActivity(type: 'opened' | 'data' | 'upToDate' | 'ping'): void
  /** Reports a frame that is being stored; the promise never rejects. */
  storing(work: Promise<void>): void
  /** The server ended a subscription; `before` resolves when its earlier frames are stored. */
  closed(subscription: Subscription, error: EdgelogError, before: Promise<void>): void
  /** A frame could not be stored. */
  failed(error: unknown): void
  /** @param error undefined: ended normally */
  ended(error: EdgelogError | undefined): void
}

interface Following {
  readonly key: string
  readonly subscription: Subscription
  readonly credit: TailCredit
  /** Next offset. */
  position: number
  /** End of the readable records. */
  lastStableOffset: number
  /** Frames that arrived while another was being stored; they are stored together. */
  waiting: TailFrame[]
  /** Pending work, in order; never rejects. */
  work: Promise<void>
}

export class Link {
  readonly #host: LinkHost
  /** Created for the first subscription. */
  #transport: Transport | undefined
  #isClosed = false
  #nextId = 0
  readonly #following = new Map<number, Following>()
  /** Ids of subscriptions that have not reached the end of their log yet. */
  readonly #behind = new Set<number>()

  constructor(host: LinkHost) {
    this.#host = host
  }

  get isOpen(): boolean {
    return this.#transport !== undefined
  }

  close(): void {
    this.#isClosed = true
    this.#transport?.close()
  }

  /** Subscribes to new partitions, and unsubscribes from dropped ones. `reopen`: a new connection is needed. */
  follow(wanted: readonly Followed[]): 'followed' | 'nothing' | 'reopen' {
    const { pauses, open } = this.#host
    const following = [...this.#following.values()]
    const keys = new Set(wanted.map(keyOf))
    const known = new Set(following.map(({ key }) => key))
    const gone = following.filter(({ key }) => !keys.has(key))
    const added = wanted.filter((followed) => {
      const key = keyOf(followed)
      return !known.has(key) && !pauses.isPaused(key)
    })
    if (this.#transport?.isFixed && added.length + gone.length > 0) return 'reopen'
    for (const { subscription } of gone) this.#drop(subscription.id)
    if (this.#following.size + added.length === 0) return 'nothing'
    this.#transport ??= open(this.#listener)
    const shareBytes = Math.floor(FOLLOW_CREDIT_BYTES / wanted.length)
    const creditBytes = Math.max(
      TAIL_CREDIT_BYTES_MIN,
      Math.min(FOLLOW_PARTITION_CREDIT_BYTES, shareBytes),
    )
    for (const followed of added) this.#subscribe(this.#transport, followed, creditBytes)
    this.#checkUpToDate()
    return 'followed'
  }

  #subscribe(transport: Transport, followed: Followed, creditBytes: number): void {
    const id = this.#nextId++
    const subscription = { ...followed, id }
    const ends = { position: 0, lastStableOffset: 0 }
    const work = Promise.resolve()
    const credit = new TailCredit(creditBytes, this.#host.now())
    const key = keyOf(followed)
    this.#following.set(id, { key, subscription, credit, ...ends, waiting: [], work })
    this.#behind.add(id)
    // A fixed transport cannot grant more later.
    transport.subscribe(subscription, transport.isFixed ? creditBytes : credit.firstBytes)
  }

  #drop(id: number): void {
    this.#forget(id)
    this.#transport?.unsubscribe(id)
  }

  #forget(id: number): void {
    this.#following.delete(id)
    this.#behind.delete(id)
  }

  readonly #listener: TransportListener = {
    notice: (notice) => {
      if (!this.#isClosed) this.#noticed(notice)
    },
    frame: (id, frame) => {
      const following = this.#received(id)
      if (following === undefined) return undefined
      following.waiting.push(frame)
      if (following.waiting.length === 1) {
        following.work = following.work.then(() => this.#store(following))
        this.#host.storing(following.work)
      }
      return following.work
    },
    closed: (id, error) => {
      const following = this.#received(id)
      if (following === undefined) return
      const { key, subscription, work } = following
      this.#forget(id)
      this.#host.pauses.begin(key)
      this.#host.closed(subscription, error, work)
      this.#checkUpToDate()
    },
    ended: (error) => {
      if (!this.#isClosed) this.#host.ended(error)
    },
  }

  #noticed(notice: TailNotice): void {
    const { onActivity, sink } = this.#host
    const following = notice.op === 'subscribed' ? this.#following.get(notice.id) : undefined
    if (notice.op !== 'subscribed' || following === undefined) {
      onActivity('ping')
      return
    }
    const { offset } = following.subscription
    if (typeof offset === 'number' && offset !== notice.offset) {
      const why = `asked for offset ${offset}, answered from ${notice.offset}`
      this.#host.ended(new EdgelogError('unavailable', why))
      return
    }
    following.position = notice.offset
    following.lastStableOffset = notice.lastStableOffset
    sink.subscribed(following.subscription, notice)
    const isBehind = following.position < following.lastStableOffset
    // A fixed transport reports this for all subscriptions each time it is opened, which is no progress.
    onActivity(isBehind && !this.#transport?.isFixed ? 'opened' : 'ping')
    this.#arrived(following)
  }

  #received(id: number): Following | undefined {
    if (this.#isClosed) return undefined
    this.#host.onActivity('ping')
    return this.#following.get(id)
  }

  #isFollowed({ subscription }: Following): boolean {
    return !this.#isClosed && this.#following.has(subscription.id)
  }

  async #store(following: Following): Promise<void> {
    const { sink, pauses, onActivity, failed } = this.#host
    const { key, subscription } = following
    const frames = following.waiting
    following.waiting = []
    if (frames.length === 0 || !this.#isFollowed(following)) return
    const frame = joinFrames(frames)
    try {
      const outcome = frame && (await sink.frame(subscription, frame))
      if (!this.#isFollowed(following)) return
      if (frame === undefined || outcome === 'resubscribe') {
        this.#drop(subscription.id)
        pauses.begin(key, true)
        return
      }
      // A frame that was already stored is no progress: a proxy may repeat the same response.
      if (frame.to > following.position) {
        following.position = frame.to
        pauses.end(key)
        onActivity('data')
      }
      const grantedBytes = following.credit.take(frame.batches.length, this.#host.now())
      if (grantedBytes > 0) this.#transport?.grant(subscription.id, grantedBytes)
      following.lastStableOffset = frame.lastStableOffset
      this.#arrived(following)
    } catch (error) {
      if (!this.#isClosed) failed(error)
    }
  }

  #arrived({ subscription, position, lastStableOffset }: Following): void {
    if (position >= lastStableOffset) this.#behind.delete(subscription.id)
    this.#checkUpToDate()
  }

  #checkUpToDate(): void {
    if (this.#behind.size === 0 && this.#following.size > 0) this.#host.onActivity('upToDate')
  }
}

/** Joins frames of one subscription; undefined after a gap between two of them, or without frames. */
function joinFrames(frames: readonly TailFrame[]): TailFrame | undefined {
  const [first] = frames
  const last = frames.at(-1)
  if (first === undefined || last === undefined) return undefined
  const isWhole = frames.every((frame, index) => frame.from <= (frames[index - 1] ?? frame).to)
  if (!isWhole) return undefined
  return { ...last, from: first.from, batches: concatenate(frames.map(({ batches }) => batches)) }
}

function keyOf({ topic, partition, topicId }: Followed): string {
  return `${partition}/${topic}/${topicId}`
}
