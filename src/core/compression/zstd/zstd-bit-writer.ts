/** Writes bits from the low end of the first byte on, into an array that has room for them. */
export class BitWriter {
  readonly #output: Uint8Array
  /** Position of the next byte. */
  #at: number
  #pending = 0
  #pendingBits = 0

  constructor(output: Uint8Array, at: number) {
    this.#output = output
    this.#at = at
  }

  /** Writes up to 24 bits. `value` has no higher bits. */
  write(value: number, count: number): void {
    this.#pending |= value << this.#pendingBits
    this.#pendingBits += count
    while (this.#pendingBits >= 8) {
      this.#output[this.#at++] = this.#pending & 0xff
      this.#pending >>>= 8
      this.#pendingBits -= 8
    }
  }

  /** Fills the last byte with zeros; returns the position after it. */
  end(): number {
    if (this.#pendingBits > 0) this.write(0, 8 - this.#pendingBits)
    return this.#at
  }

  /** Writes the bit that marks the end of a stream that is read backwards; returns the position after it. */
  endBackward(): number {
    this.write(1, 1)
    return this.end()
  }
}
