/** Reads the literals section of a zstd block (RFC 8878, section 3.1.1.3.1): bytes, mostly Huffman coded. */
import { corrupt } from '../compression-error.ts'
import { BackwardBits, ForwardBits } from './zstd-bits.ts'
import {
  HUFFMAN_CODE_BITS_MAX,
  LITERALS_RAW,
  LITERALS_REPEATED,
  LITERALS_TREELESS,
  WEIGHT_ACCURACY_MAX,
  ZSTD_BLOCK_BYTES_MAX,
} from './zstd-frame.ts'
import { nextFseState, readFseTable } from './zstd-fse.ts'

const SYMBOLS_MAX = 256

/** Indexed by the next bits of the input: the byte times 16, plus the number of bits it takes. */
export interface HuffmanTable {
  readonly codeBits: number
  readonly entries: Uint16Array
}

interface Literals {
  readonly bytes: Uint8Array
  /** End of the section in the block. */
  readonly end: number
  /** The table for following blocks without one of their own. */
  readonly table: HuffmanTable | null
}

/** @throws {EdgelogError} `corrupt_message` */
export function readLiterals(block: Uint8Array, previous: HuffmanTable | null): Literals {
  const first = block[0] ?? 0
  const type = first & 3
  const format = (first >>> 2) & 3
  if (type <= LITERALS_REPEATED) return readPlainLiterals(block, type, format, previous)
  const headerBytes = [3, 3, 4, 5][format] as number
  const sizeBits = [10, 10, 14, 18][format] as number
  if (headerBytes > block.length) throw corrupt('zstd', 'cut short')
  const header = new ForwardBits(block, 0)
  header.skip(4)
  const count = readSize(header.read(sizeBits))
  const end = headerBytes + header.read(sizeBits)
  if (end > block.length) throw corrupt('zstd', 'literals beyond the end of the block')
  const section = block.subarray(headerBytes, end)
  const tree = type === LITERALS_TREELESS ? null : readTree(section)
  const table = tree === null ? previous : tree.table
  if (table === null) throw corrupt('zstd', 'literals without a tree')
  const coded = tree === null ? section : section.subarray(tree.end)
  const bytes = new Uint8Array(count)
  if (format === 0) decodeStream(coded, table, bytes)
  else decodeFourStreams(coded, table, bytes)
  return { bytes, end, table }
}

function readPlainLiterals(
  block: Uint8Array,
  type: number,
  format: number,
  table: HuffmanTable | null,
): Literals {
  const headerBytes = [1, 2, 1, 3][format] as number
  const header = new ForwardBits(block, 0)
  header.skip(headerBytes === 1 ? 3 : 4)
  const count = readSize(header.read([5, 12, 5, 20][format] as number))
  const end = headerBytes + (type === LITERALS_RAW ? count : 1)
  if (end > block.length) throw corrupt('zstd', 'literals beyond the end of the block')
  const bytes =
    type === LITERALS_RAW
      ? block.subarray(headerBytes, end)
      : new Uint8Array(count).fill(block[headerBytes] as number)
  return { bytes, end, table }
}

function readSize(count: number): number {
  if (count > ZSTD_BLOCK_BYTES_MAX) throw corrupt('zstd', `${count} literals in a block`)
  return count
}

function decodeFourStreams(coded: Uint8Array, table: HuffmanTable, output: Uint8Array): void {
  if (coded.length < 6) throw corrupt('zstd', 'cut short')
  const sizes = new DataView(coded.buffer, coded.byteOffset, 6)
  const quarter = (output.length + 3) >>> 2
  if (quarter * 3 > output.length) throw corrupt('zstd', 'too few literals for four streams')
  let at = 6
  for (let index = 0; index < 4; index++) {
    const end = index < 3 ? at + sizes.getUint16(index * 2, true) : coded.length
    if (end > coded.length) throw corrupt('zstd', 'a stream beyond the end of its section')
    const to = index < 3 ? (index + 1) * quarter : output.length
    decodeStream(coded.subarray(at, end), table, output.subarray(index * quarter, to))
    at = end
  }
}

function decodeStream(coded: Uint8Array, table: HuffmanTable, output: Uint8Array): void {
  const { codeBits, entries } = table
  const input = new BackwardBits(coded)
  for (let index = 0; index < output.length; index++) {
    const entry = entries[input.peek(codeBits)] as number
    input.skip(entry & 15)
    output[index] = entry >>> 4
  }
  if (input.remaining !== 0) throw corrupt('zstd', 'a stream that is not used up')
}

function readTree(section: Uint8Array): { table: HuffmanTable; end: number } {
  const header = section[0] ?? 0
  if (header < 128) {
    const end = 1 + header
    if (end > section.length) throw corrupt('zstd', 'cut short')
    return { table: buildHuffmanTable(readCodedWeights(section.subarray(1, end))), end }
  }
  const count = header - 127
  const end = 1 + ((count + 1) >>> 1)
  if (end > section.length) throw corrupt('zstd', 'cut short')
  const weights = Array.from({ length: count }, (_, index) => {
    const pair = section[1 + (index >>> 1)] as number
    return (index & 1) === 0 ? pair >>> 4 : pair & 15
  })
  return { table: buildHuffmanTable(weights), end }
}

/** Reads weights that are coded by two alternating states, until one of them needs bits beyond the end. */
function readCodedWeights(coded: Uint8Array): number[] {
  const description = new ForwardBits(coded, 0)
  const table = readFseTable(description, WEIGHT_ACCURACY_MAX, HUFFMAN_CODE_BITS_MAX + 1)
  const input = new BackwardBits(coded.subarray(description.end()))
  let state = input.read(table.accuracyLog)
  let other = input.read(table.accuracyLog)
  if (input.remaining < 0) throw corrupt('zstd', 'cut short')
  const weights: number[] = []
  while (weights.length < SYMBOLS_MAX) {
    weights.push(table.symbols[state] as number)
    const next = nextFseState(table, state, input)
    if (input.remaining < 0) {
      weights.push(table.symbols[other] as number)
      return weights
    }
    state = other
    other = next
  }
  throw corrupt('zstd', 'too many weights')
}

/** Builds the table. The last weight is not written: it completes the tree. */
function buildHuffmanTable(givenWeights: readonly number[]): HuffmanTable {
  let sum = 0
  for (const weight of givenWeights) {
    if (weight > HUFFMAN_CODE_BITS_MAX) throw corrupt('zstd', `a weight of ${weight}`)
    if (weight > 0) sum += 1 << (weight - 1)
  }
  const codeBits = 32 - Math.clz32(sum)
  const missing = (1 << codeBits) - sum
  if (sum === 0 || codeBits > HUFFMAN_CODE_BITS_MAX || (missing & (missing - 1)) !== 0) {
    throw corrupt('zstd', 'weights that do not form a tree')
  }
  const weights = [...givenWeights, 32 - Math.clz32(missing)]
  if (weights.length > SYMBOLS_MAX) throw corrupt('zstd', 'too many weights')
  const entries = new Uint16Array(1 << codeBits)
  let position = 0
  for (let weight = 1; weight <= codeBits; weight++) {
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue
      const end = position + (1 << (weight - 1))
      entries.fill((symbol << 4) | (codeBits + 1 - weight), position, end)
      position = end
    }
  }
  return { codeBits, entries }
}
