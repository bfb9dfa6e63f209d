/** Counts bytes against a limit, and calls back when bytes are released. */
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

  /** Reserves bytes if they fit. A request larger than the whole budget is granted when it is empty. */
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
