import { DecodeError } from './decode-error.ts'

const TWO_POW_32 = 0x1_0000_0000

/**
 * Reads Kafka's primitive types, big endian, from the start of `bytes` onwards.
 *
 * Reads never pass the end and never copy: `bytes(n)` is a view of the input.
 *
 * @throws {DecodeError} from every method, if the input is too short or the value out of range.
 * @example
 * const reader = new ByteReader(frame)
 * const apiKey = reader.int16()
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1))
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  /** Reads an int64 that must be a safe integer. */
  int64AsNumber(): number {
    const at = this.#take(8)
    const value = this.#view.getInt32(at) * TWO_POW_32 + this.#view.getUint32(at + 4)
    if (!Number.isSafeInteger(value)) throw new DecodeError(at, 'int64 beyond 2^53 - 1')
    return value
  }

  /** Reads a zig-zag varint of 32 bits, at most 5 bytes. */
  varint(): number {
    const value = this.unsignedVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** Reads a zig-zag varint of 64 bits, at most 10 bytes, that must be a safe integer. */
  varlong(): number {
    const at = this.#position
    const first = this.#byte(at)
    // Separate from the sign bit, which comes first, the magnitude of a safe integer is exact.
    let magnitude = (first & 0x7f) >>> 1
    let scale = 64
    let byte = first
    for (let index = 1; byte >= 0x80; index++) {
      byte = this.#byte(at)
      if (index === 9 && byte > 1) throw new DecodeError(at, 'varlong of more than 64 bits')
      magnitude += (byte & 0x7f) * scale
      scale *= 128
    }
    const value = (first & 1) === 0 ? magnitude : -magnitude - 1
    if (!Number.isSafeInteger(value)) throw new DecodeError(at, 'varlong beyond 2^53 - 1')
    return value
  }

  /** Reads an unsigned varint of 32 bits, at most 5 bytes. */
  unsignedVarint(): number {
    const at = this.#position
    let byte = this.#byte(at)
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; ; shift += 7) {
      byte = this.#byte(at)
      if (shift === 28 && byte > 0x0f) throw new DecodeError(at, 'varint of more than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }

  /** Reads the next `count` bytes, as a view. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  skip(count: number): void {
    this.#take(count)
  }

  /** Reads the next byte; `at`, the start of the value it belongs to, is only used for the error. */
  #byte(at: number): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw new DecodeError(at, 'varint cut short')
    this.#position++
    return byte
  }

  /** Advances by `count` bytes and returns their start. */
  #take(count: number): number {
    const at = this.#position
    // This form of the condition also fails for NaN and negative counts.
    if (!(count >= 0 && count <= this.#bytes.length - at)) {
      throw new DecodeError(at, `${count} bytes needed, ${this.#bytes.length - at} left`)
    }
    this.#position = at + count
    return at
  }
}
