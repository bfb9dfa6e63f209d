/**
 * Deflate's decompressor (RFC 1951). It is our own because the platform's stream cannot be limited: workerd
 * inflates its whole input before it is read, and a batch of 2 MB then takes 2 GB.
 *
 *   block   last 1 bit, type 2 bits: 0 stored, 1 fixed codes, 2 codes at the beginning of the block
 *
 * Bits are taken from the low end of each byte. A code is looked up as a whole: a table contains, for the
 * next bits of the input, a symbol and the number of bits it takes.
 */
import { corrupt, tooLarge } from '../compression-error.ts'
import { repeatBytes } from '../copy-bytes.ts'
import type { OutputBuffer } from '../output-buffer.ts'
import { buildCodeTable, type CodeTable } from './inflate-codes.ts'

const END_OF_BLOCK = 256
const GROWTH_BYTES = 4_096

/** In the order of RFC 1951, sections 3.2.5 and 3.2.7. */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
]
const LENGTH_BITS = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
]
const DISTANCE_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

const fixedLengths = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280)
fixedLengths.fill(8, 280)
const FIXED_LITERALS = buildCodeTable(fixedLengths)
const FIXED_DISTANCES = buildCodeTable(new Uint8Array(30).fill(5))

/**
 * Inflates from `start` on into `output`, and returns the position after the last block.
 *
 * @throws {EdgelogError} `corrupt_message`; `message_too_large` if `output` may not grow further.
 */
export function inflate(bytes: Uint8Array, start: number, output: OutputBuffer): number {
  const input = new BitInput(bytes, start)
  let isLast = false
  while (!isLast) {
    isLast = input.take(1) === 1
    const type = input.take(2)
    if (type === 0) copyStored(input, output)
    else if (type === 1) inflateBlock(input, output, FIXED_LITERALS, FIXED_DISTANCES)
    else if (type === 2) inflateBlock(input, output, ...readCodes(input))
    else throw corrupt('gzip', 'an unknown type of block')
  }
  return input.alignedPosition()
}

/** Reads bits, from the low end of each byte. */
class BitInput {
  readonly bytes: Uint8Array
  #at: number
  #hold = 0
  #count = 0

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes
    this.#at = start
  }

  /** Returns the next `count` bits, up to 16, as a number. */
  take(count: number): number {
    if (this.#count < count) this.#refill()
    const value = this.#hold & ((1 << count) - 1)
    this.#hold >>>= count
    this.#count -= count
    return value
  }

  symbol(table: CodeTable): number {
    if (this.#count < 15) this.#refill()
    const entry = table[this.#hold & (table.length - 1)] as number
    const count = entry & 15
    if (count === 0) throw corrupt('gzip', 'an unassigned code')
    this.#hold >>>= count
    this.#count -= count
    return entry >>> 4
  }

  /** Returns the start of the next whole byte; the bits before it are discarded. */
  alignedPosition(): number {
    const position = this.#at - (this.#count >>> 3)
    if (position > this.bytes.length) throw corrupt('gzip', 'cut short')
    return position
  }

  moveTo(position: number): void {
    this.#at = position
    this.#hold = 0
    this.#count = 0
  }

  /** Refills to at least 25 bits. The last symbol may look at zeros beyond the end, but not consume them. */
  #refill(): void {
    if (this.#at > this.bytes.length + 4) throw corrupt('gzip', 'cut short')
    while (this.#count <= 24) {
      this.#hold |= (this.bytes[this.#at++] ?? 0) << this.#count
      this.#count += 8
    }
  }
}

function copyStored(input: BitInput, output: OutputBuffer): void {
  const { bytes } = input
  const at = input.alignedPosition() + 4
  if (at > bytes.length) throw corrupt('gzip', 'cut short')
  const view = new DataView(bytes.buffer, bytes.byteOffset + at - 4, 4)
  const count = view.getUint16(0, true)
  if (count !== (~view.getUint16(2, true) & 0xffff) || count > bytes.length - at) {
    throw corrupt('gzip', `a stored block of ${count} bytes`)
  }
  makeRoom(output, count)
  output.buffer.set(bytes.subarray(at, at + count), output.length)
  output.length += count
  input.moveTo(at + count)
}

function inflateBlock(
  input: BitInput,
  output: OutputBuffer,
  literals: CodeTable,
  distances: CodeTable,
): void {
  let { buffer, length: written } = output
  for (;;) {
    const symbol = input.symbol(literals)
    if (symbol === END_OF_BLOCK) break
    const isLiteral = symbol < END_OF_BLOCK
    const length = isLiteral ? 1 : readLength(input, symbol - 257)
    if (length > buffer.length - written) {
      output.length = written
      makeRoom(output, length)
      buffer = output.buffer
    }
    if (isLiteral) {
      buffer[written++] = symbol
      continue
    }
    const distance = readDistance(input, input.symbol(distances))
    if (distance > written) throw corrupt('gzip', `a distance of ${distance}`)
    repeatBytes(buffer, written, distance, length)
    written += length
  }
  output.length = written
}

function readLength(input: BitInput, index: number): number {
  const base = LENGTH_BASE[index]
  if (base === undefined) throw corrupt('gzip', 'an unknown length')
  return base + input.take(LENGTH_BITS[index] as number)
}

function readDistance(input: BitInput, index: number): number {
  const base = DISTANCE_BASE[index]
  if (base === undefined) throw corrupt('gzip', 'an unknown distance')
  return base + input.take(DISTANCE_BITS[index] as number)
}

function makeRoom(output: OutputBuffer, count: number): void {
  if (output.reserve(count + GROWTH_BYTES) < count) throw tooLarge('gzip', output.bytesMax)
}

/** Reads the codes of one block: lengths, which are run-length encoded and Huffman coded. */
function readCodes(input: BitInput): [literals: CodeTable, distances: CodeTable] {
  const literalsCount = input.take(5) + 257
  const distancesCount = input.take(5) + 1
  const orderCount = input.take(4) + 4
  const codeLengths = new Uint8Array(CODE_LENGTH_ORDER.length)
  for (let index = 0; index < orderCount; index++) {
    codeLengths[CODE_LENGTH_ORDER[index] as number] = input.take(3)
  }
  const table = buildCodeTable(codeLengths)
  const lengths = new Uint8Array(literalsCount + distancesCount)
  let at = 0
  while (at < lengths.length) {
    const symbol = input.symbol(table)
    if (symbol < 16) {
      lengths[at++] = symbol
      continue
    }
    if (symbol === 16 && at === 0) throw corrupt('gzip', 'nothing to repeat')
    const repeated = symbol === 16 ? (lengths[at - 1] as number) : 0
    const count = symbol === 18 ? input.take(7) + 11 : input.take(symbol === 16 ? 2 : 3) + 3
    if (count > lengths.length - at) throw corrupt('gzip', 'too many code lengths')
    lengths.fill(repeated, at, at + count)
    at += count
  }
  return [
    buildCodeTable(lengths.subarray(0, literalsCount)),
    buildCodeTable(lengths.subarray(literalsCount)),
  ]
}
