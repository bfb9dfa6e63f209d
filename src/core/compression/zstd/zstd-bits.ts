/** Reads bits in zstd's two directions. */
import { corrupt } from '../compression-error.ts'

/** Returns the `count` bits, up to 24, from bit `position` on, counted from the low end of the first byte. */
function bitsAt(bytes: Uint8Array, position: number, count: number): number {
  const at = position >>> 3
  const word =
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  return (word >>> (position & 7)) & ((1 << count) - 1)
}

/** Reads from the first bit to the last. */
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

  /** Returns the start of the next whole byte. */
  end(): number {
    const end = (this.#position + 7) >>> 3
    if (end > this.#bytes.length) throw corrupt('zstd', 'cut short')
    return end
  }
}

/** Reads from the last bit back to the first. The highest set bit marks the end and is not read. */
export class BackwardBits {
  readonly #bytes: Uint8Array
  /** Unread bits; negative after a read beyond the beginning, which returns zeros. */
  remaining: number

  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0
    if (last === 0) throw corrupt('zstd', 'a stream of bits without an end')
    this.#bytes = bytes
    this.remaining = bytes.length * 8 - 1 - Math.clz32(last << 24)
  }

  /** Returns up to 24 bits without consuming them. */
  peek(count: number): number {
    const position = this.remaining - count
    if (position >= 0) return bitsAt(this.#bytes, position, count)
    return this.remaining > 0 ? bitsAt(this.#bytes, 0, this.remaining) << -position : 0
  }

  skip(count: number): void {
    this.remaining -= count
  }

  /** Reads up to 32 bits. */
  read(count: number): number {
    if (count === 0) return 0
    if (count > 16) return this.read(count - 16) * 0x1_0000 + this.read(16)
    const value = this.peek(count)
    this.remaining -= count
    return value
  }
}
