/** Encodes texts as UTF-8 into shared blocks: a separate array for a short text takes more memory than its bytes. */

const BLOCK_BYTES = 64 * 1024
/** A longer text gets an array of its own, so that little of a block stays unused. */
const POOLED_LENGTH_MAX = 1024
const UTF8_BYTES_PER_UNIT_MAX = 3

const encoder = new TextEncoder()

export class TextPool {
  #block = new Uint8Array(0)
  #usedBytes = 0

  /** Returns the UTF-8 of a well-formed text. The bytes are never overwritten. */
  encode(text: string): Uint8Array {
    if (text.length > POOLED_LENGTH_MAX) return encoder.encode(text)
    const neededBytes = text.length * UTF8_BYTES_PER_UNIT_MAX
    if (this.#usedBytes + neededBytes > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES)
      this.#usedBytes = 0
    }
    const from = this.#usedBytes
    const { written } = encoder.encodeInto(text, this.#block.subarray(from))
    this.#usedBytes = from + written
    return this.#block.subarray(from, this.#usedBytes)
  }
}
