/** The compressor of snappy's raw block; `snappy.ts` describes the format. */
import { copyBytes } from '../copy-bytes.ts'
import { readWord } from '../read-word.ts'

/** Matches are searched within pieces of this size, so that offsets fit into two bytes. */
const PIECE_BYTES = 65_536
const HASH_BITS = 14
const HASH_MULTIPLIER = 0x1e35a7bd
/** A match is searched only where four bytes can be read, plus some more to make it worthwhile. */
const TAIL_BYTES = 15

/** Reused: a call is synchronous, and the table is cleared for each piece. */
const positions = new Uint16Array(1 << HASH_BITS)

/** Compresses bytes into one raw block. The worst case, literals of 60 bytes between matches of 4, is a 64th longer. */
export function compressSnappyBlock(bytes: Uint8Array): Uint8Array {
  const output = new Uint8Array(32 + bytes.length + Math.floor(bytes.length / 6))
  let at = 0
  let rest = bytes.length
  while (rest > 0x7f) {
    output[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  output[at++] = rest
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    at = compressPiece(bytes.subarray(from, from + PIECE_BYTES), output, at)
  }
  return output.slice(0, at)
}

function compressPiece(piece: Uint8Array, output: Uint8Array, start: number): number {
  positions.fill(0)
  let at = start
  let literalStart = 0
  let position = 1
  let misses = 0
  const matchEnd = piece.length - TAIL_BYTES
  while (position < matchEnd) {
    const word = readWord(piece, position)
    const slot = Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS)
    const candidate = positions[slot] as number
    positions[slot] = position
    if (readWord(piece, candidate) !== word) {
      // Steps grow with the misses, so that incompressible data costs little time.
      position += 1 + (misses++ >>> 5)
      continue
    }
    misses = 0
    let end = position + 4
    let behind = candidate + 4
    while (end < piece.length && piece[end] === piece[behind]) {
      end++
      behind++
    }
    at = writeLiteral(piece, literalStart, position, output, at)
    at = writeCopy(end - position, position - candidate, output, at)
    literalStart = position = end
  }
  return writeLiteral(piece, literalStart, piece.length, output, at)
}

function writeLiteral(
  piece: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  start: number,
): number {
  const length = to - from
  if (length === 0) return start
  let at = start
  const last = length - 1
  if (last < 60) {
    output[at++] = last << 2
  } else if (last < 0x100) {
    output[at++] = 60 << 2
    output[at++] = last
  } else {
    output[at++] = 61 << 2
    output[at++] = last & 0xff
    output[at++] = last >>> 8
  }
  copyBytes(piece, from, length, output, at)
  return at + length
}

function writeCopy(total: number, offset: number, output: Uint8Array, start: number): number {
  let at = start
  let length = total
  while (length > 0) {
    // Leaves no rest below four, which the short form cannot encode.
    const count = length > 64 ? Math.min(64, length - 4) : length
    if (count >= 4 && count < 12 && offset < 2_048) {
      output[at++] = 1 | ((count - 4) << 2) | ((offset >>> 8) << 5)
      output[at++] = offset & 0xff
    } else {
      output[at++] = 2 | ((count - 1) << 2)
      output[at++] = offset & 0xff
      output[at++] = offset >>> 8
    }
    length -= count
  }
  return at
}
