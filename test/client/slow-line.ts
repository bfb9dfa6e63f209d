/** A slow line with a `ManualClock`: all requests to the server share its rate evenly. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Fetch } from '../../client/index.ts'
import type { ManualClock } from './manual-clock.ts'

const TICK_MS = 50

interface Transfer {
  leftBytes: number
  readonly done: () => void
}

export class SlowLine {
  bytesPerSecond: number
  /** Bytes of all bodies, including those that did not arrive. */
  sentBytes = 0
  /** Sizes of the requests with a body, in the order of their start. */
  readonly sizes: number[] = []
  readonly #clock: ManualClock
  readonly #transfers = new Set<Transfer>()

  constructor(clock: ManualClock, bytesPerSecond: number) {
    this.#clock = clock
    this.bytesPerSecond = bytesPerSecond
  }

  /** Sends the requests of `fetch` over the line. */
  slowed(fetch: Fetch): Fetch {
    return async (input, init = {}) => {
      const { body, signal } = init
      if (body instanceof Uint8Array) await this.#carry(body.length, signal ?? undefined)
      return await fetch(input, init)
    }
  }

  /** Advances the clock until `work` is settled. Returns the time that took. */
  async until(work: Promise<unknown>, limitMs = 3_600_000): Promise<number> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    work.then(settle, settle)
    const startMs = this.#clock.now()
    for (;;) {
      // Work woken by a tick continues by promises, a few turns deep.
      for (let turns = 0; turns < 4; turns++) await turn()
      const elapsedMs = this.#clock.now() - startMs
      if (isSettled) return elapsedMs
      if (elapsedMs > limitMs) throw new Error(`not settled within ${limitMs} ms`)
      this.#tick()
    }
  }

  #carry(sizeBytes: number, signal: AbortSignal | undefined): Promise<void> {
    this.sizes.push(sizeBytes)
    return new Promise((resolve, reject) => {
      const transfer = { leftBytes: sizeBytes, done: resolve }
      this.#transfers.add(transfer)
      signal?.addEventListener('abort', () => {
        this.#transfers.delete(transfer)
        reject(signal.reason)
      })
    })
  }

  #tick(): void {
    const sharedBytes = (this.bytesPerSecond * TICK_MS) / 1_000 / Math.max(1, this.#transfers.size)
    for (const transfer of [...this.#transfers]) {
      const movedBytes = Math.min(transfer.leftBytes, sharedBytes)
      this.sentBytes += movedBytes
      transfer.leftBytes -= movedBytes
      if (transfer.leftBytes > 0) continue
      this.#transfers.delete(transfer)
      transfer.done()
    }
    this.#clock.advance(TICK_MS)
  }
}
