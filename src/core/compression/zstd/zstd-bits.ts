/** The two directions in which zstd reads bits, and how large what it reads may become. */
import { corrupt } from '../compression-error.ts'

/** The most bytes of one block (RFC 8878, section 3.1.1.2.4); it bounds the work of one block. */
export const ZSTD_BLOCK_BYTES_MAX = 128 * 1024

/** The `count` bits, up to 24, from bit `position` on, counted from the low end of the first byte. */
function bitsAt(bytes: Uint8Array, position: number, count: number): number {
  const at = position >>> 3
  const word =
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  return (word >>> (position & 7)) & ((1 << count) - 1)
}

/** From the first bit on. */
export class ForwardBits {
  readonly #bytes: Uint8Array
  #position: number

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.#position = start * 8
  }

  peek(count: number): number {
    return bitsAt(this.#bytes, this.#position, count)
  }

  skip(count: number): void {
    this.#position += count
  }

  read(count: number): number {
    const value = this.peek(count)
    this.#position += count
    return value
  }

  /** Where the next whole byte begins. */
  end(): number {
    const end = (this.#position + 7) >>> 3
    if (end > this.#bytes.length) throw corrupt('zstd', 'cut short')
    return end
  }
}

/** From the last bit back to the first. The highest bit that is set marks the end and is not read. */
export class BackwardBits {
  readonly #bytes: Uint8Array
  /** Bits not read yet; negative once more was read than there is, which reads as zeros. */
  remaining: number

  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0
    if (last === 0) throw corrupt('zstd', 'a stream of bits without an end')
    this.#bytes = bytes
    this.remaining = bytes.length * 8 - 1 - Math.clz32(last << 24)
  }

  /** Up to 24 bits. */
  peek(count: number): number {
    const position = this.remaining - count
    if (position >= 0) return bitsAt(this.#bytes, position, count)
    return this.remaining > 0 ? bitsAt(this.#bytes, 0, this.remaining) << -position : 0
  }

  skip(count: number): void {
    this.remaining -= count
  }

  /** Up to 32 bits. */
  read(count: number): number {
    if (count === 0) return 0
    if (count > 16) return this.read(count - 16) * 0x1_0000 + this.read(16)
    const value = this.peek(count)
    this.remaining -= count
    return value
  }
}
