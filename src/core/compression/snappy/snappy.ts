/**
 * Snappy, in the two forms that Kafka's clients use: one raw block, and Java's xerial framing.
 *
 *   block   length of the content, unsigned varint; elements until the end
 *   xerial  82 'SNAPPY' 00, version int32, compatible version int32; (size int32, block)*
 *
 * An element begins with a tag whose low two bits are its kind:
 *
 *   00  literal  length - 1 in 6 bits; 60 to 63: in the 1 to 4 bytes that follow, little endian
 *   01  copy     length - 4 in 3 bits, offset in 3 bits (high) and a byte
 *   10  copy     length - 1 in 6 bits, offset in 2 bytes, little endian
 *   11  copy     length - 1 in 6 bits, offset in 4 bytes, little endian
 */
import { ByteReader } from '../../bytes/byte-reader.ts'
import { DecodeError } from '../../bytes/decode-error.ts'
import type { Codec } from '../codec.ts'
import { corrupt, tooLarge } from '../compression-error.ts'
import { copyBytes, repeatBytes } from '../copy-bytes.ts'
import { compressSnappyBlock } from './snappy-compress.ts'

const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]
const XERIAL_HEADER_BYTES = 16
/** The best ratio of an element: a copy of 64 bytes in three. */
const RATIO_MAX = 22

export const snappyCodec: Codec = {
  compress: compressSnappyBlock,

  decompress(bytes, maxBytes) {
    try {
      const blocks = isXerial(bytes) ? readXerialBlocks(bytes) : [bytes]
      return decodeBlocks(blocks, maxBytes)
    } catch (error) {
      if (error instanceof DecodeError) throw corrupt('snappy', error.message, error)
      throw error
    }
  },
}

function isXerial(bytes: Uint8Array): boolean {
  return (
    bytes.length >= XERIAL_HEADER_BYTES &&
    XERIAL_MAGIC.every((byte, index) => bytes[index] === byte)
  )
}

function readXerialBlocks(bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes)
  reader.skip(XERIAL_HEADER_BYTES)
  const blocks: Uint8Array[] = []
  while (reader.remaining > 0) {
    const at = reader.position
    const block = reader.bytes(reader.int32())
    if (block.length === 0) throw new DecodeError(at, 'an empty block')
    blocks.push(block)
  }
  return blocks
}

function decodeBlocks(blocks: readonly Uint8Array[], maxBytes: number): Uint8Array {
  // Lengths are read before anything is decoded, so that one buffer of the right size is enough.
  const lengths = blocks.map((block) => {
    const length = new ByteReader(block).unsignedVarint()
    if (length > block.length * RATIO_MAX) throw new DecodeError(0, `a length of ${length}`)
    return length
  })
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total > maxBytes) throw tooLarge('snappy', maxBytes)
  const output = new Uint8Array(total)
  let position = 0
  for (const [index, block] of blocks.entries()) {
    const end = position + (lengths[index] as number)
    decodeBlock(block, output.subarray(position, end))
    position = end
  }
  return output
}

/** Fills `output`, whose size is exactly the length in the block. */
function decodeBlock(block: Uint8Array, output: Uint8Array): void {
  const reader = new ByteReader(block)
  reader.unsignedVarint()
  let at = reader.position
  let written = 0
  while (at < block.length) {
    const tag = block[at++] as number
    const kind = tag & 3
    if (kind === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const extraBytes = length - 60
        length = littleEndian(block, at, extraBytes) + 1
        at += extraBytes
      }
      if (length > block.length - at || length > output.length - written) {
        throw new DecodeError(at, `a literal of ${length} bytes`)
      }
      copyBytes(block, at, length, output, written)
      at += length
      written += length
      continue
    }
    const offsetBytes = kind === 3 ? 4 : kind
    const low = littleEndian(block, at, offsetBytes)
    const offset = kind === 1 ? low | ((tag >>> 5) << 8) : low
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    at += offsetBytes
    if (offset === 0 || offset > written || length > output.length - written) {
      throw new DecodeError(at, `a copy of ${length} bytes from ${offset} back`)
    }
    repeatBytes(output, written, offset, length)
    written += length
  }
  if (written !== output.length) {
    throw new DecodeError(at, `${written} bytes instead of ${output.length}`)
  }
}

function littleEndian(bytes: Uint8Array, position: number, count: number): number {
  if (count > bytes.length - position) throw new DecodeError(position, 'cut short')
  let value = 0
  for (let index = count - 1; index >= 0; index--) {
    value = (value << 8) | (bytes[position + index] as number)
  }
  return value >>> 0
}
