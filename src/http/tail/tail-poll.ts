/**
 * The long poll of `/v1/tail`: sends the notices and frames of the WebSocket in one
 * delayed response, for networks that block streams.
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { concatenate } from '../../core/bytes/concatenate.ts'
import {
  TAIL_POLL_BYTES_MAX,
  TAIL_POLL_GATHER_MS,
  TAIL_POLL_OPEN_MS_MAX,
  TAIL_POLL_PING_MS,
} from '../../core/limits.ts'
import { type IsolationLevel, type LogEnds, readableEnd } from '../../core/log/log-ends.ts'
import {
  decodeTailFrame,
  encodeTailEntry,
  TAIL_ENTRY_FRAME,
  TAIL_ENTRY_NOTICE,
  TAIL_ID_BYTES,
} from '../../core/log/tail-protocol.ts'
import { report } from '../../events/report.ts'
import type { TailSubscription } from './tail-schemas.ts'
import { type TailNotice, type TailSink, TailSubscriptions } from './tail-subscriptions.ts'

/**
 * Opens one response with entries of `tail-protocol.ts`. It completes once there is a frame or a `closed` notice and
 * everything already in the log has been sent, as far as the credit allows; or after `waitMs` with the entries so far.
 *
 * It is a stream with an occasional ping, so that a disconnect of the reader is detected.
 */
export function openTailPoll(
  broker: Broker,
  requests: readonly TailSubscription[],
  waitMs: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const poll = new TailPoll(broker, requests)
  let isLeft = false
  const ping = setInterval(() => void writer.write(PING).catch(() => undefined), TAIL_POLL_PING_MS)
  writer.closed.catch(() => {
    isLeft = true
    clearInterval(ping)
    poll.leave()
  })
  const respond = async () => {
    const entries = await poll.answer(waitMs).finally(() => clearInterval(ping))
    if (entries.length > 0) await writer.write(entries)
    await writer.close()
  }
  respond().catch((error) => {
    if (isLeft) return
    report({ type: 'tail_failed', source: 'long_poll', error })
    void writer.abort(error).catch(() => undefined)
  })
  return readable
}

function encodeNotice(notice: TailNotice): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(notice))
  return encodeTailEntry({ kind: TAIL_ENTRY_NOTICE, bytes })
}

const PING = encodeNotice({ op: 'ping' })

class TailPoll implements TailSink {
  readonly #requests: readonly TailSubscription[]
  readonly #subscriptions: TailSubscriptions
  readonly #entries: Uint8Array[] = []
  /** The requested subscriptions, by id. */
  readonly #wanted: ReadonlyMap<number, TailSubscription>
  /** Remaining credit of the subscriptions that have not yet sent what the log holds. */
  readonly #behind = new Map<number, number>()
  #framesBytes = 0
  readonly #timers: Array<ReturnType<typeof setTimeout>> = []
  #isOpened = false
  #isOpeningOver = false
  #isGathering = false
  /**
   * True if the response waits for nothing more: the time is over, or entries exist and the gathering time has passed.
   */
  #isDue = false
  #hasAnswered = false
  #wake: () => void = () => {}

  constructor(broker: Broker, requests: readonly TailSubscription[]) {
    this.#requests = requests
    this.#wanted = new Map(requests.map((request) => [request.id, request]))
    this.#subscriptions = new TailSubscriptions(broker, this)
  }

  async answer(waitMs: number): Promise<Uint8Array> {
    const complete = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (this.#isComplete) resolve()
      }
    })
    this.#after(TAIL_POLL_OPEN_MS_MAX, () => {
      this.#isOpeningOver = true
    })
    this.#after(waitMs, () => {
      this.#isDue = true
    })
    const opening = this.#open()
    await Promise.race([complete, opening.then(() => complete)])
    this.#hasAnswered = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#subscriptions.unsubscribeAll()
    return concatenate(this.#entries)
  }

  /** Stops the poll because the reader disconnected. */
  leave(): void {
    this.#hasAnswered = true
    this.#wake()
  }

  get isOpen(): boolean {
    return !this.#hasAnswered && this.#framesBytes < TAIL_POLL_BYTES_MAX
  }

  notify(notice: TailNotice): void {
    this.#entries.push(encodeNotice(notice))
    if (notice.op === 'subscribed') this.#expectFrames(notice)
    else if (notice.op === 'closed') {
      this.#behind.delete(notice.id)
      this.#gather()
    }
  }

  sendFrame(id: number, message: Uint8Array<ArrayBuffer>): void {
    this.#entries.push(encodeTailEntry({ kind: TAIL_ENTRY_FRAME, bytes: message }))
    this.#framesBytes += message.length
    const creditBytes = this.#behind.get(id)
    if (creditBytes !== undefined) {
      const { batches, to, ...ends } = decodeTailFrame(message, TAIL_ID_BYTES)
      const isAtEnd = to >= readableEnd(ends, this.#isolationOf(id))
      if (isAtEnd || batches.length >= creditBytes) this.#behind.delete(id)
      else this.#behind.set(id, creditBytes - batches.length)
    }
    this.#gather()
  }

  #expectFrames({ id, offset, ...ends }: LogEnds & { id: number; offset: number }): void {
    const end = readableEnd(ends, this.#isolationOf(id))
    if (offset < end) this.#behind.set(id, this.#wanted.get(id)?.creditBytes ?? 0)
  }

  #isolationOf(id: number): IsolationLevel {
    return this.#wanted.get(id)?.isolation ?? 'committed'
  }

  /** Starts at a random subscription: if not all fit in one response, the last ones are not always left out. */
  async #open(): Promise<void> {
    const first = Math.floor(Math.random() * this.#requests.length)
    const requests = [...this.#requests.slice(first), ...this.#requests.slice(0, first)]
    await fanOut(requests, async (request) => {
      if (this.isOpen) await this.#subscriptions.subscribe(request)
    })
    this.#isOpened = true
    this.#wake()
  }

  /** Starts the gathering time, because there is an entry to send. */
  #gather(): void {
    if (!this.#isGathering) {
      this.#isGathering = true
      this.#after(TAIL_POLL_GATHER_MS, () => {
        this.#isDue = true
      })
    }
    this.#wake()
  }

  get #isComplete(): boolean {
    if (!this.isOpen) return true
    const isCaughtUp = this.#isOpened && this.#behind.size === 0
    return this.#isDue && (isCaughtUp || this.#isOpeningOver)
  }

  #after(delayMs: number, change: () => void): void {
    const timer = setTimeout(() => {
      change()
      this.#wake()
    }, delayMs)
    this.#timers.push(timer)
  }
}
