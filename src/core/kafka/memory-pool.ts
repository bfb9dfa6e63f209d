/**
 * Counts the request bytes of all connections. Beyond the limit all connections but
 * one are paused: that one completes its frame, which is sent and frees its bytes.
 */
export class MemoryPool {
  readonly #maxBytes: number
  #heldBytes = 0
  /** Paused connections, in the order of their pause. */
  readonly #waiting = new Map<object, () => void>()
  #letThrough: object | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @returns whether `holder` may be read; if not, `resume` is called when it may */
  mayRead(holder: object, resume: () => void): boolean {
    if (this.#heldBytes < this.#maxBytes || this.#letThrough === holder) return true
    if (this.#letThrough === undefined) {
      this.#letThrough = holder
      return true
    }
    this.#waiting.set(holder, resume)
    return false
  }

  hold(sizeBytes: number): void {
    this.#heldBytes += sizeBytes
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes
    this.#wake()
  }

  /** Call it when the frame that `holder` had begun is complete or dropped. */
  done(holder: object): void {
    this.#waiting.delete(holder)
    if (this.#letThrough !== holder) return
    this.#letThrough = undefined
    this.#wake()
  }

  #wake(): void {
    for (const [holder, resume] of this.#waiting) {
      if (this.#heldBytes >= this.#maxBytes) {
        if (this.#letThrough !== undefined) return
        this.#letThrough = holder
      }
      this.#waiting.delete(holder)
      resume()
    }
  }
}
