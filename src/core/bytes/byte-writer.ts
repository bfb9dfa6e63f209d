import { utf8Length } from './utf8-length.ts'

const TWO_POW_32 = 0x1_0000_0000
/** Up to this size a loop is faster than `TypedArray.set` and `encodeInto`, whose call costs more than the copy. */
const SMALL_COPY_BYTES = 24

const encoder = new TextEncoder()

/**
 * Writes Kafka's primitive types, big endian, into a buffer that grows.
 *
 * @example
 * const writer = new ByteWriter()
 * writer.int16(apiKey)
 * writer.varint(-1)
 * const frame = writer.toBytes()
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #position = 0

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get position(): number {
    return this.#position
  }

  get bufferBytes(): number {
    return this.#bytes.length
  }

  int8(value: number): void {
    const at = this.#claim(1)
    this.#view.setInt8(at, value)
  }

  int16(value: number): void {
    const at = this.#claim(2)
    this.#view.setInt16(at, value)
  }

  int32(value: number): void {
    const at = this.#claim(4)
    this.#view.setInt32(at, value)
  }

  uint32(value: number): void {
    const at = this.#claim(4)
    this.#view.setUint32(at, value)
  }

  int64(value: bigint): void {
    const at = this.#claim(8)
    this.#view.setBigInt64(at, value)
  }

  /** Writes a safe integer as an int64. */
  int64AsNumber(value: number): void {
    const at = this.#claim(8)
    this.#view.setInt32(at, Math.floor(value / TWO_POW_32))
    this.#view.setUint32(at + 4, value >>> 0)
  }

  /** Writes an int32 as a zig-zag varint. */
  varint(value: number): void {
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** Writes a safe integer as a zig-zag varint of up to 64 bits. */
  varlong(value: number): void {
    // The sign bit is written separately: doubling a safe integer might make it inexact.
    const magnitude = value < 0 ? -value - 1 : value
    const low = ((magnitude & 0x3f) << 1) | (value < 0 ? 1 : 0)
    let rest = Math.floor(magnitude / 64)
    this.reserve(10)
    const bytes = this.#bytes
    let at = this.#position
    bytes[at++] = rest > 0 ? low | 0x80 : low
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    if (rest > 0) bytes[at++] = rest
    this.#position = at
  }

  /** Writes a uint32 as an unsigned varint. */
  unsignedVarint(value: number): void {
    this.reserve(5)
    const bytes = this.#bytes
    let at = this.#position
    let rest = value
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.#position = at
  }

  bytes(source: Uint8Array): void {
    const count = source.length
    const at = this.#claim(count)
    if (count > SMALL_COPY_BYTES) {
      this.#bytes.set(source, at)
      return
    }
    const bytes = this.#bytes
    for (let index = 0; index < count; index++) bytes[at + index] = source[index] as number
  }

  /** Writes text as UTF-8, without a length prefix. Lone surrogates become U+FFFD. */
  utf8(text: string): void {
    const count = utf8Length(text)
    const at = this.#claim(count)
    if (count !== text.length || count > SMALL_COPY_BYTES) {
      encoder.encodeInto(text, this.#bytes.subarray(at))
      return
    }
    const bytes = this.#bytes
    for (let index = 0; index < count; index++) bytes[at + index] = text.charCodeAt(index)
  }

  /** Writes text whose characters are bytes: none is above 0xff. */
  latin1(text: string): void {
    const at = this.#claim(text.length)
    const bytes = this.#bytes
    for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index)
  }

  /** Overwrites four bytes written before, such as a length that is known only later. */
  patchInt32(position: number, value: number): void {
    this.#view.setInt32(position, value)
  }

  /** Makes room for `count` more bytes, so that the following writes do not grow the buffer. */
  reserve(count: number): void {
    const needed = this.#position + count
    if (needed > this.#bytes.length) this.#grow(needed)
  }

  /** Returns to `position`: later bytes are discarded, the buffer is kept. */
  truncate(position: number): void {
    this.#position = Math.min(position, this.#position)
  }

  /** Returns a copy of the written bytes. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#position)
  }

  /** Returns the written bytes without a copy, for a writer that is not used again. */
  toView(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#position)
  }

  /** Reserves bytes. It may replace the buffer and its view, so it must precede any use of them. */
  #claim(count: number): number {
    this.reserve(count)
    const at = this.#position
    this.#position = at + count
    return at
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2, 64))
    bytes.set(this.#bytes.subarray(0, this.#position))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}
