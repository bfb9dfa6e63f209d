/**
 * The LZ4 block: sequences of literals and a match, the last one without a match.
 *
 *   token     high 4 bits: literals, low 4 bits: match length - 4; 15: more follows
 *   lengths   15 is followed by bytes to add, up to and including the first that is not 255
 *   literals
 *   offset    2 bytes, little endian: distance back to the match
 *
 * The last 5 bytes are always literals, and no match begins in the last 12.
 */

import { corrupt } from '../compression-error.ts'
import { copyBytes, repeatBytes } from '../copy-bytes.ts'
import { readWord } from '../read-word.ts'

const MATCH_BYTES_MIN = 4
const LAST_LITERALS = 5
const MATCH_END_DISTANCE = 12
const HASH_BITS = 14
const HASH_MULTIPLIER = 0x9e3779b1

/** Reused: a call is synchronous, and clears the table. */
const positions = new Uint16Array(1 << HASH_BITS)

/** Returns the maximum size of a block for `count` bytes. */
export function lz4BlockBytesMax(count: number): number {
  return count + Math.ceil(count / 255) + 16
}

/**
 * Compresses up to 64 KiB into `output` from `start` on, which has room for the
 * worst case. Returns the size of the block.
 */
export function compressLz4Block(bytes: Uint8Array, output: Uint8Array, start: number): number {
  positions.fill(0)
  let at = start
  let literalStart = 0
  let position = 1
  let misses = 0
  const matchEnd = bytes.length - MATCH_END_DISTANCE
  const extendEnd = bytes.length - LAST_LITERALS
  while (position < matchEnd) {
    const word = readWord(bytes, position)
    const slot = Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS)
    const candidate = positions[slot] as number
    positions[slot] = position
    if (readWord(bytes, candidate) !== word) {
      // Steps grow with the misses, so that incompressible data costs little time.
      position += 1 + (misses++ >>> 6)
      continue
    }
    misses = 0
    let end = position + MATCH_BYTES_MIN
    let behind = candidate + MATCH_BYTES_MIN
    while (end < extendEnd && bytes[end] === bytes[behind]) {
      end++
      behind++
    }
    const matchExtra = end - position - MATCH_BYTES_MIN
    at = writeLiterals(bytes, literalStart, position, matchExtra, output, at)
    const offset = position - candidate
    output[at++] = offset & 0xff
    output[at++] = offset >>> 8
    if (matchExtra >= 15) at = writeLength(matchExtra - 15, output, at)
    literalStart = position = end
  }
  return writeLiterals(bytes, literalStart, bytes.length, 0, output, at) - start
}

/** Writes the token of a sequence and its literals. */
function writeLiterals(
  bytes: Uint8Array,
  from: number,
  to: number,
  matchExtra: number,
  output: Uint8Array,
  start: number,
): number {
  const count = to - from
  output[start] = (Math.min(count, 15) << 4) | Math.min(matchExtra, 15)
  let at = start + 1
  if (count >= 15) at = writeLength(count - 15, output, at)
  copyBytes(bytes, from, count, output, at)
  return at + count
}

function writeLength(length: number, output: Uint8Array, start: number): number {
  let at = start
  let rest = length
  for (; rest >= 255; rest -= 255) output[at++] = 255
  output[at++] = rest
  return at
}

/** The part of the output that a block may write, and the start of the part that it may copy from. */
interface Lz4Bounds {
  readonly start: number
  readonly end: number
  readonly history: number
}

/**
 * Decompresses a block into `output`. Returns the position after its last byte, or `null` if
 * the block does not fit before `bounds.end`.
 *
 * @throws {EdgelogError} `corrupt_message`
 */
export function decompressLz4Block(
  block: Uint8Array,
  output: Uint8Array,
  bounds: Lz4Bounds,
): number | null {
  let at = 0
  let written = bounds.start
  for (;;) {
    if (at >= block.length) throw corrupt('lz4', 'a block without an end')
    const token = block[at++] as number
    let count = token >>> 4
    if (count === 15) {
      let more: number
      do {
        if (at >= block.length) throw corrupt('lz4', 'a length is cut short')
        more = block[at++] as number
        count += more
      } while (more === 255)
    }
    if (count > block.length - at) throw corrupt('lz4', `${count} literals`)
    if (count > bounds.end - written) return null
    copyBytes(block, at, count, output, written)
    at += count
    written += count
    if (at === block.length) return written
    if (block.length - at < 2) throw corrupt('lz4', 'an offset is cut short')
    const offset = (block[at] as number) | ((block[at + 1] as number) << 8)
    at += 2
    if (offset === 0 || offset > written - bounds.history)
      throw corrupt('lz4', `an offset of ${offset}`)
    let length = (token & 15) + MATCH_BYTES_MIN
    if (length === 15 + MATCH_BYTES_MIN) {
      let more: number
      do {
        if (at >= block.length) throw corrupt('lz4', 'a length is cut short')
        more = block[at++] as number
        length += more
      } while (more === 255)
    }
    if (length > bounds.end - written) return null
    repeatBytes(output, written, offset, length)
    written += length
  }
}
