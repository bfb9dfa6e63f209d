/** Encodes literals with a Huffman tree, the inverse of `zstd-literals.ts`. */
import { BitWriter } from './zstd-bit-writer.ts'
import { HUFFMAN_CODE_BITS_MAX, WEIGHT_ACCURACY_MAX } from './zstd-frame.ts'
import { buildFseTable } from './zstd-fse.ts'
import { FseEncoder, invertFseTable, shareStates, writeShares } from './zstd-fse-encode.ts'

/** The first byte of a description is below this if the weights are coded, else it counts weights of four bits. */
const PLAIN_WEIGHTS = 127
const PLAIN_WEIGHTS_MAX = 128

interface HuffmanCodes {
  readonly codes: Uint16Array
  /** Bits of each code; 0 for a byte that does not occur. */
  readonly codeBits: Uint8Array
  /** Weights of all bytes but the last that occurs, whose weight follows from the others. */
  readonly weights: Uint8Array
}

/**
 * Writes the tree and the codes of `literals`, in one stream or in four, if this takes less than `literals` themselves.
 * Returns the position after them, or `null`. At least two different bytes must occur.
 */
export function writeHuffman(
  literals: Uint8Array,
  isFourStreams: boolean,
  output: Uint8Array,
  start: number,
): number | null {
  const counts = new Uint32Array(256)
  for (const byte of literals) counts[byte] = (counts[byte] as number) + 1
  const { codes, codeBits, weights } = assignCodes(counts)
  let at = writeWeights(weights, output, start)
  if (at === null) return null
  let bits = 0
  for (const [byte, count] of counts.entries()) bits += count * (codeBits[byte] as number)
  // Streams end with a bit and are filled to a byte; four of them begin with three sizes.
  if (at - start + (bits >>> 3) + (isFourStreams ? 10 : 1) >= literals.length) return null
  if (!isFourStreams) return writeStream(literals, codes, codeBits, output, at)
  const quarter = (literals.length + 3) >>> 2
  const sizesAt = at
  at += 6
  for (let index = 0; index < 4; index++) {
    const part = literals.subarray(index * quarter, (index + 1) * quarter)
    const end = writeStream(part, codes, codeBits, output, at)
    if (index < 3) {
      output[sizesAt + index * 2] = (end - at) & 0xff
      output[sizesAt + index * 2 + 1] = (end - at) >>> 8
    }
    at = end
  }
  return at
}

function writeStream(
  literals: Uint8Array,
  codes: Uint16Array,
  codeBits: Uint8Array,
  output: Uint8Array,
  at: number,
): number {
  const writer = new BitWriter(output, at)
  for (let index = literals.length - 1; index >= 0; index--) {
    const byte = literals[index] as number
    writer.write(codes[byte] as number, codeBits[byte] as number)
  }
  return writer.endBackward()
}

function assignCodes(counts: Uint32Array): HuffmanCodes {
  const depths = limitedDepths(counts)
  const deepest = Math.max(...depths)
  const codes = new Uint16Array(256)
  let position = 0
  for (let depth = deepest; depth > 0; depth--) {
    for (let byte = 0; byte < 256; byte++) {
      if (depths[byte] !== depth) continue
      codes[byte] = position >>> (deepest - depth)
      position += 1 << (deepest - depth)
    }
  }
  let last = 255
  while (depths[last] === 0) last--
  const weights = depths.subarray(0, last).map((depth) => (depth === 0 ? 0 : deepest + 1 - depth))
  return { codes, codeBits: depths, weights }
}

/** Returns the depth of each byte in a tree of limited depth. Halved counts flatten it; equal ones make 8 levels. */
function limitedDepths(counts: Uint32Array): Uint8Array {
  for (let halvings = 0; ; halvings++) {
    const depths = treeDepths(
      counts.map((count) => (count === 0 ? 0 : Math.max(1, count >>> halvings))),
    )
    if (Math.max(...depths) <= HUFFMAN_CODE_BITS_MAX) return depths
  }
}

/** Builds a Huffman tree from leaves by count and nodes by age: the smallest two are at the front of either line. */
function treeDepths(counts: Uint32Array): Uint8Array {
  const leaves = [...counts.keys()].filter((byte) => counts[byte] !== 0)
  leaves.sort((a, b) => (counts[a] as number) - (counts[b] as number))
  const total = 2 * leaves.length - 1
  const sums = leaves.map((byte) => counts[byte] as number)
  const parents = new Uint16Array(total)
  let leaf = 0
  let node = leaves.length
  const takeSmallest = (parent: number): number => {
    const isLeaf =
      leaf < leaves.length &&
      (node >= sums.length || (sums[leaf] as number) <= (sums[node] as number))
    const taken = isLeaf ? leaf++ : node++
    parents[taken] = parent
    return sums[taken] as number
  }
  for (let parent = leaves.length; parent < total; parent++) {
    const first = takeSmallest(parent)
    sums.push(first + takeSmallest(parent))
  }
  const levels = new Uint8Array(total)
  for (let index = total - 2; index >= 0; index--) {
    levels[index] = (levels[parents[index] as number] as number) + 1
  }
  const depths = new Uint8Array(256)
  for (const [index, byte] of leaves.entries()) depths[byte] = levels[index] as number
  return depths
}

/** Writes the description of a tree; returns the position after it, or `null` if these weights have none. */
function writeWeights(weights: Uint8Array, output: Uint8Array, start: number): number | null {
  const coded = codeWeights(weights)
  const plainBytes = (weights.length + 1) >>> 1
  if (coded !== null && (coded.length < plainBytes || weights.length > PLAIN_WEIGHTS_MAX)) {
    output[start] = coded.length
    output.set(coded, start + 1)
    return start + 1 + coded.length
  }
  if (weights.length > PLAIN_WEIGHTS_MAX) return null
  output[start] = PLAIN_WEIGHTS + weights.length
  for (let index = 0; index < plainBytes; index++) {
    const high = weights[2 * index] as number
    output[start + 1 + index] = (high << 4) | (weights[2 * index + 1] ?? 0)
  }
  return start + 1 + plainBytes
}

/** Returns weights coded by two alternating states, or `null` if they are equal, too few or too long for this form. */
function codeWeights(weights: Uint8Array): Uint8Array | null {
  const counts = new Uint32Array(HUFFMAN_CODE_BITS_MAX + 1)
  for (const weight of weights) counts[weight] = (counts[weight] as number) + 1
  if (weights.length < 2 || counts.includes(weights.length)) return null
  const shares = shareStates(counts, WEIGHT_ACCURACY_MAX)
  // A weight takes less than a byte, and the shares less than two bytes each.
  const output = new Uint8Array(weights.length + 2 * shares.length + 4)
  const description = new BitWriter(output, 0)
  writeShares(shares, WEIGHT_ACCURACY_MAX, description)
  const writer = new BitWriter(output, description.end())
  const table = invertFseTable(buildFseTable(shares, WEIGHT_ACCURACY_MAX))
  const encoders = [new FseEncoder(table), new FseEncoder(table)] as const
  for (let index = weights.length - 1; index >= 0; index--) {
    encoders[index & 1 ? 1 : 0].encode(weights[index] as number, writer)
  }
  encoders[1].end(writer)
  encoders[0].end(writer)
  const end = writer.endBackward()
  return end < PLAIN_WEIGHTS + 1 ? output.subarray(0, end) : null
}
