/** Counts bytes against a bound, and says when there is room again. */
export class MemoryBudget {
  readonly bytesMax: number
  readonly #onRelease: () => void
  #usedBytes = 0

  constructor(bytesMax: number, onRelease: () => void) {
    this.bytesMax = bytesMax
    this.#onRelease = onRelease
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** A request larger than the whole budget is granted when nothing else is held. */
  tryReserve(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.bytesMax) return false
    this.#usedBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes
    this.#onRelease()
  }
}
