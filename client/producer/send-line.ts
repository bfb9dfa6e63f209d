/** Admits the requests of a client to the shared line one after the other, and measures the line's rate. */
import type { Clock } from '../clock.ts'
import {
  extraTimeMs,
  mayBegin,
  mayFollow,
  paceAfter,
  pacedBatchBytes,
  type SentRequest,
  UNKNOWN_PACE,
} from './send-pace.ts'

/** One request in flight. */
interface SendTurn {
  readonly startedAtMs: number
  /** Added to the time limit of the request. */
  readonly extraMs: number
  end(result: SentRequest['result']): void
}

interface WaitingRequest {
  readonly sizeBytes: number
  readonly begin: () => void
}

export class SendLine {
  readonly #clock: Clock
  /** In the order of `begin`; bounded by the requests of the callers. */
  #waiting: WaitingRequest[] = []
  #pace = UNKNOWN_PACE
  #underWayBytes = 0
  /** Time of the last acknowledgement. */
  ackedAtMs = 0
  /** Extra time of a request beyond the window, which is in flight alone; otherwise 0. */
  extraMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Recommended size of the next batch. */
  get batchBytes(): number {
    return pacedBatchBytes(this.#pace)
  }

  /** True once the line was measured. */
  get isMeasured(): boolean {
    return this.#pace.isMeasured
  }

  /** Returns whether a batch may be sent while another of its partition is in flight. */
  mayFollow(sizeBytes: number): boolean {
    return mayFollow(this.#pace, sizeBytes)
  }

  /** Waits until the line admits the request. Returns undefined if `signal` was aborted before. */
  async begin(sizeBytes: number, signal: AbortSignal): Promise<SendTurn | undefined> {
    if (signal.aborted) return undefined
    if (this.#waiting.length > 0 || !this.#hasRoom(sizeBytes)) {
      const isTurn = await this.#wait(sizeBytes, signal)
      if (!isTurn) return undefined
    } else this.#underWayBytes += sizeBytes
    return this.#newTurn(sizeBytes)
  }

  #hasRoom(sizeBytes: number): boolean {
    return mayBegin(this.#pace, this.#underWayBytes, sizeBytes)
  }

  #newTurn(sizeBytes: number): SendTurn {
    const underWayBytes = this.#underWayBytes
    const startedAtMs = this.#clock.now()
    const extraMs = extraTimeMs(this.#pace, underWayBytes)
    this.extraMs = extraMs
    return {
      startedAtMs,
      extraMs,
      end: (result) => {
        const nowMs = this.#clock.now()
        const elapsedMs = nowMs - startedAtMs
        this.extraMs = 0
        this.#underWayBytes -= sizeBytes
        this.#pace = paceAfter(this.#pace, { sizeBytes, underWayBytes, elapsedMs, result })
        if (result === 'acked') this.ackedAtMs = nowMs
        this.#beginNext()
      },
    }
  }

  #wait(sizeBytes: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isTurn: boolean) => {
        signal.removeEventListener('abort', leave)
        resolve(isTurn)
      }
      const waiting = { sizeBytes, begin: () => settle(true) }
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        settle(false)
        this.#beginNext()
      }
      signal.addEventListener('abort', leave)
      this.#waiting.push(waiting)
    })
  }

  #beginNext(): void {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || !this.#hasRoom(next.sizeBytes)) return
      this.#waiting.shift()
      // Counted here, because the waiting request continues later.
      this.#underWayBytes += next.sizeBytes
      next.begin()
    }
  }
}
