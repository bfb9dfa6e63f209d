/**
 * The LZ4 frame. It is written in the form of Java's client; any version 1 frame is read.
 *
 *   magic 04 22 4d 18
 *   FLG   bits 6-7 version 1, 5 blocks independent, 4 block checksums, 3 content size,
 *         2 content checksum, 0 dictionary
 *   BD    bits 4-6 block size: 4 to 7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB
 *   content size   8 bytes, if set in FLG
 *   HC    second byte of the xxHash32 of the bytes between magic and HC
 *   blocks         size 4 bytes, top bit: stored; data; xxHash32, if set in FLG
 *   end            a size of 0; xxHash32 of the content, if set in FLG
 *
 * All numbers are little endian.
 */
import type { Codec } from '../codec.ts'
import { corrupt, tooLarge } from '../compression-error.ts'
import { OutputBuffer } from '../output-buffer.ts'
import { compressLz4Block, decompressLz4Block, lz4BlockBytesMax } from './lz4-block.ts'
import { xxhash32 } from './xxhash32.ts'

const MAGIC = 0x184d2204
const FLG_VERSION_1_INDEPENDENT = 0x60
const BD_64_KIB = 0x40
const BLOCK_BYTES = 65_536
const STORED = 0x8000_0000
const FRAME_HEADER_BYTES = 7
/** The best ratio of a block: one byte for 255 more bytes of a match. */
const RATIO_MAX = 256

export const lz4Codec: Codec = { compress: compressFrame, decompress: decompressFrame }

function compressFrame(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES)
  const output = new Uint8Array(
    FRAME_HEADER_BYTES + blocks * 24 + lz4BlockBytesMax(bytes.length) + 4,
  )
  const view = new DataView(output.buffer)
  view.setUint32(0, MAGIC, true)
  output[4] = FLG_VERSION_1_INDEPENDENT
  output[5] = BD_64_KIB
  output[6] = headerChecksum(output.subarray(4, 6))
  let at = FRAME_HEADER_BYTES
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const block = bytes.subarray(from, from + BLOCK_BYTES)
    const size = compressLz4Block(block, output, at + 4)
    if (size < block.length) {
      view.setUint32(at, size, true)
      at += 4 + size
      continue
    }
    view.setUint32(at, block.length + STORED, true)
    output.set(block, at + 4)
    at += 4 + block.length
  }
  view.setUint32(at, 0, true)
  return output.slice(0, at + 4)
}

interface FrameHeader {
  readonly headerBytes: number
  readonly hasIndependentBlocks: boolean
  readonly hasBlockChecksums: boolean
  readonly hasContentChecksum: boolean
  readonly contentBytes: number | null
  readonly blockBytesMax: number
}

function decompressFrame(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frame = readFrameHeader(bytes)
  const { contentBytes } = frame
  if (contentBytes !== null && contentBytes > maxBytes) throw tooLarge('lz4', maxBytes)
  const expectedBytes = Math.min(bytes.length * RATIO_MAX, contentBytes ?? bytes.length * 4)
  const output = new OutputBuffer(expectedBytes, contentBytes ?? maxBytes)
  let at = frame.headerBytes
  for (;;) {
    const sizeAndFlag = readUint32(bytes, at)
    at += 4
    if (sizeAndFlag === 0) break
    const isStored = sizeAndFlag >= STORED
    const size = isStored ? sizeAndFlag - STORED : sizeAndFlag
    if (size > frame.blockBytesMax) throw corrupt('lz4', `a block of ${size} bytes`)
    const block = slice(bytes, at, size)
    at += size
    if (frame.hasBlockChecksums) {
      if (readUint32(bytes, at) !== xxhash32(block)) throw corrupt('lz4', 'a wrong block checksum')
      at += 4
    }
    decodeBlock(block, isStored, frame, output)
  }
  const content = output.bytes()
  if (frame.hasContentChecksum) {
    if (readUint32(bytes, at) !== xxhash32(content))
      throw corrupt('lz4', 'a wrong content checksum')
    at += 4
  }
  if (contentBytes !== null && contentBytes !== content.length) {
    throw corrupt('lz4', `${content.length} bytes instead of ${contentBytes}`)
  }
  if (at !== bytes.length) throw corrupt('lz4', `${bytes.length - at} bytes follow the frame`)
  return content
}

function decodeBlock(
  block: Uint8Array,
  isStored: boolean,
  frame: FrameHeader,
  output: OutputBuffer,
): void {
  const blockBytesMax = isStored
    ? block.length
    : Math.min(frame.blockBytesMax, block.length * RATIO_MAX)
  const start = output.length
  const room = output.reserve(blockBytesMax)
  const end = start + room
  const history = frame.hasIndependentBlocks ? start : 0
  const written = isStored
    ? copyStored(block, output.buffer, start, end)
    : decompressLz4Block(block, output.buffer, { start, end, history })
  if (written !== null) {
    output.length = written
    return
  }
  // The block did not fit: either the frame's limit or the caller's limit was exceeded.
  if (room === blockBytesMax) throw corrupt('lz4', 'a block is longer than the frame allows')
  if (frame.contentBytes !== null)
    throw corrupt('lz4', 'the content is longer than its declared size')
  throw tooLarge('lz4', output.bytesMax)
}

/** Copies a stored block. Returns the position after the last byte, or `null` if it does not fit before `end`. */
function copyStored(
  block: Uint8Array,
  output: Uint8Array,
  start: number,
  end: number,
): number | null {
  if (block.length > end - start) return null
  output.set(block, start)
  return start + block.length
}

function readFrameHeader(bytes: Uint8Array): FrameHeader {
  if (readUint32(bytes, 0) !== MAGIC) throw corrupt('lz4', 'not a frame')
  const flg = slice(bytes, 4, 1)[0] as number
  const bd = slice(bytes, 5, 1)[0] as number
  const blockSize = (bd >>> 4) & 7
  if (flg >>> 6 !== 1 || (flg & 2) !== 0 || (bd & 0x8f) !== 0 || blockSize < 4) {
    throw corrupt('lz4', `unknown frame flags ${flg}, ${bd}`)
  }
  if ((flg & 1) !== 0) throw corrupt('lz4', 'dictionaries are not supported')
  const hasContentSize = (flg & 8) !== 0
  const headerBytes = FRAME_HEADER_BYTES + (hasContentSize ? 8 : 0)
  const checksum = slice(bytes, headerBytes - 1, 1)[0]
  if (checksum !== headerChecksum(bytes.subarray(4, headerBytes - 1))) {
    throw corrupt('lz4', 'a wrong header checksum')
  }
  return {
    headerBytes,
    hasIndependentBlocks: (flg & 0x20) !== 0,
    hasBlockChecksums: (flg & 0x10) !== 0,
    hasContentChecksum: (flg & 4) !== 0,
    contentBytes: hasContentSize
      ? readUint32(bytes, 6) + readUint32(bytes, 10) * 0x1_0000_0000
      : null,
    blockBytesMax: 1 << (2 * blockSize + 8),
  }
}

function headerChecksum(descriptor: Uint8Array): number {
  return (xxhash32(descriptor) >>> 8) & 0xff
}

function readUint32(bytes: Uint8Array, position: number): number {
  const word = slice(bytes, position, 4)
  return new DataView(word.buffer, word.byteOffset, 4).getUint32(0, true)
}

function slice(bytes: Uint8Array, position: number, count: number): Uint8Array {
  if (count > bytes.length - position) throw corrupt('lz4', 'cut short')
  return bytes.subarray(position, position + count)
}
