import { corrupt } from '../compression-error.ts'

const CODE_BITS_MAX = 15

/**
 * A canonical Huffman code (RFC 1951, section 3.2.2), indexed by the next bits of the
 * input: the symbol times 16, plus the number of bits it takes. Zero: no code begins with
 * these bits. The table's length is a power of two.
 */
export type CodeTable = Uint16Array

/** @throws {EdgelogError} `corrupt_message` if there are more codes than their lengths allow. */
export function buildCodeTable(lengths: Uint8Array): CodeTable {
  const counts = new Uint16Array(CODE_BITS_MAX + 1)
  let bitsMax = 1
  for (const length of lengths) {
    counts[length] = (counts[length] as number) + 1
    if (length > bitsMax) bitsMax = length
  }
  const nextCode = new Uint16Array(CODE_BITS_MAX + 2)
  let code = 0
  for (let bits = 1; bits <= CODE_BITS_MAX; bits++) {
    nextCode[bits] = code
    code += counts[bits] as number
    if (code > 1 << bits) throw corrupt('gzip', 'too many codes')
    code <<= 1
  }
  const table = new Uint16Array(1 << bitsMax)
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue
    const first = reverseBits(nextCode[length] as number, length)
    nextCode[length] = (nextCode[length] as number) + 1
    // The bits after the code may have any value.
    for (let index = first; index < table.length; index += 1 << length) {
      table[index] = (symbol << 4) | length
    }
  }
  return table
}

function reverseBits(value: number, count: number): number {
  let reversed = 0
  for (let bit = 0; bit < count; bit++) reversed |= ((value >>> bit) & 1) << (count - 1 - bit)
  return reversed
}
