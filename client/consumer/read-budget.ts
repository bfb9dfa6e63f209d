/** Limits the bytes that are read ahead, over all partitions of a consumer; first come, first served. */
export class ReadBudget {
  readonly bytesMax: number
  #usedBytes = 0
  #waiting: Array<{ readonly bytes: number; readonly grant: () => void }> = []

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Resolves to true when `bytes` are reserved, or to false if `signal` is aborted before. */
  reserve(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const waiting = {
        bytes,
        grant: () => {
          signal.removeEventListener('abort', giveUp)
          this.#usedBytes += bytes
          resolve(true)
        },
      }
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        resolve(false)
        this.#grant()
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(waiting)
      this.#grant()
    })
  }

  /** Counts bytes that are already in memory. */
  add(bytes: number): void {
    this.#usedBytes += bytes
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes
    this.#grant()
  }

  #grant(): void {
    for (;;) {
      const next = this.#waiting[0]
      // A request larger than the whole budget is granted when nothing else is held.
      if (next === undefined) return
      if (this.#usedBytes > 0 && this.#usedBytes + next.bytes > this.bytesMax) return
      this.#waiting.shift()
      next.grant()
    }
  }
}
