/**
 * The bytes of requests that all connections hold together. Beyond the bound connections are not read
 * from, but for one at a time: so that what is half received gets whole, is sent, and gone.
 */
export class MemoryPool {
  readonly #maxBytes: number
  #heldBytes = 0
  /** In the order in which they came to wait. */
  readonly #waiting = new Map<object, () => void>()
  #letThrough: object | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @returns whether `holder` may be read from; if not, `resume` is called when it may. */
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

  /** What `holder` had begun is whole, or it is gone. */
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
