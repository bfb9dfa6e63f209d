/**
 * Compresses with zstd in plain JavaScript. `zstd-frame.ts` describes the format. Sequences use the predefined tables,
 * literals a Huffman tree where it makes them shorter.
 */
import { copyBytes } from '../copy-bytes.ts'
import {
  BLOCK_COMPRESSED,
  BLOCK_RAW,
  BLOCK_REPEATED,
  LITERALS_HUFFMAN,
  LITERALS_RAW,
  LITERALS_REPEATED,
  ZSTD_BLOCK_BYTES_MAX,
  ZSTD_MAGIC,
} from './zstd-frame.ts'
import { writeHuffman } from './zstd-huffman-encode.ts'
import { type FoundSequences, MatchFinder, ZSTD_WINDOW_BYTES_MAX } from './zstd-matches.ts'
import { initialOffsets, type RepeatedOffsets } from './zstd-sequences.ts'
import { writeSequences } from './zstd-sequences-encode.ts'

const SINGLE_SEGMENT = 0x20
const SIZE_IN_4_BYTES = 2 << 6
/** A window of 1 MiB: an exponent of 10, above the format's 2 ** 10 bytes. */
const WINDOW_1_MIB = 10 << 3
const FRAME_HEADER_BYTES_MAX = 10
const BLOCK_HEADER_BYTES = 3
/** A sequence takes up to 6 bytes for 4; the descriptions of the tables take less than the rest. */
const BUFFER_RATIO = 2
const BUFFER_REST_BYTES = 1024
/** Below this, a tree costs more than it gains. */
const HUFFMAN_LITERALS_MIN = 64
const ONE_STREAM_BYTES_MAX = 1023

/** Returns one frame with its content size and without a checksum. Content of 4 GiB and more does not occur. */
export function compressZstd(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / ZSTD_BLOCK_BYTES_MAX))
  const output = new Uint8Array(FRAME_HEADER_BYTES_MAX + blocks * BLOCK_HEADER_BYTES + bytes.length)
  let at = writeFrameHeader(bytes.length, output)
  const encoder = new BlockEncoder(bytes)
  for (let block = 0; block < blocks; block++) {
    const start = block * ZSTD_BLOCK_BYTES_MAX
    const end = Math.min(start + ZSTD_BLOCK_BYTES_MAX, bytes.length)
    const { type, data, size } = encoder.encode(start, end)
    const header = Number(block === blocks - 1) | (type << 1) | (size << 3)
    writeLittleEndian(header, BLOCK_HEADER_BYTES, output, at)
    output.set(data, at + BLOCK_HEADER_BYTES)
    at += BLOCK_HEADER_BYTES + data.length
  }
  return output.slice(0, at)
}

function writeFrameHeader(contentBytes: number, output: Uint8Array): number {
  writeLittleEndian(ZSTD_MAGIC, 4, output, 0)
  if (contentBytes < 256) {
    output[4] = SINGLE_SEGMENT
    output[5] = contentBytes
    return 6
  }
  const isSingleSegment = contentBytes <= ZSTD_WINDOW_BYTES_MAX
  output[4] = SIZE_IN_4_BYTES | (isSingleSegment ? SINGLE_SEGMENT : 0)
  if (!isSingleSegment) output[5] = WINDOW_1_MIB
  const at = isSingleSegment ? 5 : 6
  writeLittleEndian(contentBytes, 4, output, at)
  return at + 4
}

interface Block {
  readonly type: number
  readonly data: Uint8Array
  /** The size in the header: of the data, or how often its byte is repeated. */
  readonly size: number
}

class BlockEncoder {
  readonly #bytes: Uint8Array
  readonly #matches: MatchFinder
  readonly #literals: Uint8Array
  readonly #buffer: Uint8Array
  #repeated = initialOffsets()

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#matches = new MatchFinder(bytes)
    const blockBytes = Math.min(bytes.length, ZSTD_BLOCK_BYTES_MAX)
    this.#literals = new Uint8Array(blockBytes)
    this.#buffer = new Uint8Array(BUFFER_RATIO * blockBytes + BUFFER_REST_BYTES)
  }

  /** Returns the smallest form of a block; its data is valid until the next call. */
  encode(start: number, end: number): Block {
    const block = this.#bytes.subarray(start, end)
    const size = block.length
    if (size > 1 && block.every((byte) => byte === block[0])) {
      return { type: BLOCK_REPEATED, data: block.subarray(0, 1), size }
    }
    const found = this.#matches.find(start, end)
    const literals = this.#collectLiterals(block, found)
    // The distances change only if the block is written with its sequences.
    const repeated: RepeatedOffsets = [...this.#repeated]
    const literalsEnd = writeLiterals(literals, this.#buffer)
    const dataEnd = writeSequences(found, repeated, this.#buffer, literalsEnd)
    if (dataEnd >= size) return { type: BLOCK_RAW, data: block, size }
    this.#repeated = repeated
    return { type: BLOCK_COMPRESSED, data: this.#buffer.subarray(0, dataEnd), size: dataEnd }
  }

  #collectLiterals(block: Uint8Array, found: FoundSequences): Uint8Array {
    let from = 0
    let length = 0
    for (let index = 0; index < found.count; index++) {
      const count = found.literalBytes[index] as number
      copyBytes(block, from, count, this.#literals, length)
      from += count + (found.matchBytes[index] as number)
      length += count
    }
    copyBytes(block, from, block.length - from, this.#literals, length)
    return this.#literals.subarray(0, length + block.length - from)
  }
}

/** Writes the literals section at the start of `output`; returns its end. */
function writeLiterals(literals: Uint8Array, output: Uint8Array): number {
  const count = literals.length
  if (count > 1 && literals.every((byte) => byte === literals[0])) {
    const at = writePlainHeader(LITERALS_REPEATED, count, output)
    output[at] = literals[0] as number
    return at + 1
  }
  const end = count < HUFFMAN_LITERALS_MIN ? null : writeHuffmanLiterals(literals, output)
  if (end !== null) return end
  const at = writePlainHeader(LITERALS_RAW, count, output)
  output.set(literals, at)
  return at + count
}

function writePlainHeader(type: number, count: number, output: Uint8Array): number {
  if (count < 32) return writeLittleEndian(type | (count << 3), 1, output, 0)
  if (count < 4096) return writeLittleEndian(type | (1 << 2) | (count << 4), 2, output, 0)
  return writeLittleEndian(type | (3 << 2) | (count << 4), 3, output, 0)
}

function writeHuffmanLiterals(literals: Uint8Array, output: Uint8Array): number | null {
  const count = literals.length
  const isFourStreams = count > ONE_STREAM_BYTES_MAX
  const sizeBits = isFourStreams ? (count < 1 << 14 ? 14 : 18) : 10
  const headerBytes = (4 + 2 * sizeBits) >>> 3
  const end = writeHuffman(literals, isFourStreams, output, headerBytes)
  if (end === null) return null
  const format = isFourStreams ? (sizeBits === 14 ? 2 : 3) : 0
  const sizes = count + (end - headerBytes) * 2 ** sizeBits
  writeLittleEndian(LITERALS_HUFFMAN + format * 4 + sizes * 16, headerBytes, output, 0)
  return end
}

/** Writes a number of up to 6 bytes; returns the position after it. */
function writeLittleEndian(
  value: number,
  count: number,
  output: Uint8Array,
  start: number,
): number {
  let rest = value
  for (let at = start; at < start + count; at++) {
    output[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return start + count
}
