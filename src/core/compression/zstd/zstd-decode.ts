/** Decompresses zstd in plain JavaScript. `zstd-frame.ts` describes the format. */
import { corrupt, tooLarge } from '../compression-error.ts'
import { OutputBuffer } from '../output-buffer.ts'
import {
  BLOCK_COMPRESSED,
  BLOCK_RAW,
  BLOCK_REPEATED,
  ZSTD_BLOCK_BYTES_MAX,
  ZSTD_MAGIC,
} from './zstd-frame.ts'
import { type HuffmanTable, readLiterals } from './zstd-literals.ts'
import { initialOffsets, runSequences, type SequenceTables } from './zstd-sequences.ts'

const EXPECTED_RATIO = 4

/**
 * @throws {EdgelogError} `corrupt_message`; `message_too_large` as soon as the output is known to exceed `maxBytes`.
 */
export function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { headerBytes, contentBytes, hasChecksum } = readFrameHeader(bytes)
  if (contentBytes !== null && contentBytes > maxBytes) throw tooLarge('zstd', maxBytes)
  // The initial buffer is limited by the input's length, because a declared content size may be wrong.
  const expectedBytes = Math.min(bytes.length * EXPECTED_RATIO, contentBytes ?? maxBytes)
  const output = new OutputBuffer(expectedBytes, maxBytes)
  const end = decodeBlocks(bytes, headerBytes, output) + (hasChecksum ? 4 : 0)
  if (end !== bytes.length) throw corrupt('zstd', `the frame ends at ${end} of ${bytes.length}`)
  if (contentBytes !== null && contentBytes !== output.length) {
    throw corrupt('zstd', `${output.length} bytes instead of ${contentBytes}`)
  }
  return output.bytes()
}

interface FrameHeader {
  readonly headerBytes: number
  readonly contentBytes: number | null
  readonly hasChecksum: boolean
}

function readFrameHeader(bytes: Uint8Array): FrameHeader {
  if (littleEndian(bytes, 0, 4) !== ZSTD_MAGIC) throw corrupt('zstd', 'not a frame')
  const descriptor = littleEndian(bytes, 4, 1)
  if ((descriptor & 0x08) !== 0) throw corrupt('zstd', 'a reserved bit is set')
  if ((descriptor & 0x03) !== 0) throw corrupt('zstd', 'dictionaries are not supported')
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeCode = descriptor >>> 6
  const sizeBytes = sizeCode === 0 ? Number(isSingleSegment) : 1 << sizeCode
  const sizePosition = isSingleSegment ? 5 : 6
  // Two bytes count from 256, since one byte covers the smaller values.
  const size = littleEndian(bytes, sizePosition, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
  return {
    headerBytes: sizePosition + sizeBytes,
    contentBytes: sizeBytes === 0 ? null : size,
    hasChecksum: (descriptor & 0x04) !== 0,
  }
}

/** Decodes all blocks; returns the position after the last one. */
function decodeBlocks(bytes: Uint8Array, start: number, output: OutputBuffer): number {
  const repeated = initialOffsets()
  let huffman: HuffmanTable | null = null
  let tables: SequenceTables | null = null
  let at = start
  for (;;) {
    const header = littleEndian(bytes, at, 3)
    const type = (header >>> 1) & 3
    const size = header >>> 3
    if (size > ZSTD_BLOCK_BYTES_MAX) throw corrupt('zstd', `a block of ${size} bytes`)
    at += 3
    const end = at + (type === BLOCK_REPEATED ? 1 : size)
    if (end > bytes.length) throw corrupt('zstd', 'cut short')
    const block = bytes.subarray(at, end)
    if (type === BLOCK_COMPRESSED) {
      const literals = readLiterals(block, huffman)
      huffman = literals.table
      const section = block.subarray(literals.end)
      tables = runSequences(section, literals.bytes, repeated, tables, output)
    } else {
      appendPlain(type, block, size, output)
    }
    at = end
    if ((header & 1) !== 0) return at
  }
}

function appendPlain(type: number, block: Uint8Array, size: number, output: OutputBuffer): void {
  if (type !== BLOCK_RAW && type !== BLOCK_REPEATED) throw corrupt('zstd', 'an unknown block type')
  if (output.reserve(size) < size) throw tooLarge('zstd', output.bytesMax)
  const { buffer, length } = output
  if (type === BLOCK_RAW) buffer.set(block, length)
  else buffer.fill(block[0] as number, length, length + size)
  output.length = length + size
}

function littleEndian(bytes: Uint8Array, position: number, count: number): number {
  if (count > bytes.length - position) throw corrupt('zstd', 'cut short')
  let value = 0
  for (let index = count - 1; index >= 0; index--) {
    value = value * 256 + (bytes[position + index] as number)
  }
  return value
}
