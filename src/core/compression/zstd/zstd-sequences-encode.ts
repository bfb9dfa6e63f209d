/** Encodes the sequences section of a block, the inverse of `zstd-sequences.ts`. */
import { BitWriter } from './zstd-bit-writer.ts'
import {
  type CodeKind,
  LITERAL_BASE,
  LITERAL_BITS,
  LITERAL_KIND,
  MATCH_BASE,
  MATCH_BITS,
  MATCH_KIND,
  OFFSET_KIND,
} from './zstd-codes.ts'
import { buildFseTable } from './zstd-fse.ts'
import { FseEncoder, invertFseTable, shareStates, writeShares } from './zstd-fse-encode.ts'
import type { FoundSequences } from './zstd-matches.ts'
import { type RepeatedOffsets, resolveOffset } from './zstd-sequences.ts'

/** Larger numbers have a code for each power of two. */
const LITERAL_CODES = codesBelow(64, LITERAL_BASE)
const MATCH_CODES = codesBelow(131, MATCH_BASE)
const TWO_BYTE_COUNTS = 0x7f00
const MODE_PREDEFINED = 0
const MODE_OWN_TABLE = 2
/** Below this, the description of a table costs more than it gains. */
const OWN_TABLE_SEQUENCES_MIN = 64
/** An own table has a state for about four sequences, and one for each code at least. */
const ACCURACY_BELOW_COUNT = 2
const ACCURACY_LOG_MIN = 6

/** Returns the end of the section. `repeated` is changed as a decoder changes it. */
export function writeSequences(
  found: FoundSequences,
  repeated: RepeatedOffsets,
  output: Uint8Array,
  start: number,
): number {
  const { count } = found
  const modesAt = writeCount(count, output, start)
  if (count === 0) return modesAt
  const values = offsetValues(found, repeated)
  const codes = {
    literals: found.literalBytes.subarray(0, count).map(literalCode),
    offsets: values.map((value) => 31 - Math.clz32(value)),
    matches: found.matchBytes.subarray(0, count).map(matchCode),
  }
  const description = new BitWriter(output, modesAt + 1)
  const literals = writeTable(codes.literals, LITERAL_KIND, description)
  const offsets = writeTable(codes.offsets, OFFSET_KIND, description)
  const matches = writeTable(codes.matches, MATCH_KIND, description)
  output[modesAt] = (literals.mode << 6) | (offsets.mode << 4) | (matches.mode << 2)
  const writer = new BitWriter(output, description.end())
  // A decoder reads from the last bit back, so all of it is written in reverse.
  for (let index = count - 1; index >= 0; index--) {
    const literal = codes.literals[index] as number
    const offset = codes.offsets[index] as number
    const match = codes.matches[index] as number
    offsets.encoder.encode(offset, writer)
    matches.encoder.encode(match, writer)
    literals.encoder.encode(literal, writer)
    const literalRest = (found.literalBytes[index] as number) - (LITERAL_BASE[literal] as number)
    writer.write(literalRest, LITERAL_BITS[literal] as number)
    const matchRest = (found.matchBytes[index] as number) - (MATCH_BASE[match] as number)
    writer.write(matchRest, MATCH_BITS[match] as number)
    writer.write((values[index] as number) - 2 ** offset, offset)
  }
  matches.encoder.end(writer)
  offsets.encoder.end(writer)
  literals.encoder.end(writer)
  return writer.endBackward()
}

/** Writes a table for `codes` if they are many, or chooses the predefined one. */
function writeTable(
  codes: Uint32Array,
  kind: CodeKind,
  description: BitWriter,
): { mode: number; encoder: FseEncoder } {
  const counts = new Uint32Array(kind.symbolMax + 1)
  for (const code of codes) counts[code] = (counts[code] as number) + 1
  const isOwn = codes.length >= OWN_TABLE_SEQUENCES_MIN && !counts.includes(codes.length)
  if (!isOwn) {
    return { mode: MODE_PREDEFINED, encoder: new FseEncoder(invertFseTable(kind.predefined)) }
  }
  const countLog = 31 - Math.clz32(codes.length)
  const wantedLog = Math.max(ACCURACY_LOG_MIN, countLog - ACCURACY_BELOW_COUNT)
  const accuracyLog = Math.min(kind.accuracyLogMax, wantedLog)
  const shares = shareStates(counts, accuracyLog)
  writeShares(shares, accuracyLog, description)
  description.end()
  return {
    mode: MODE_OWN_TABLE,
    encoder: new FseEncoder(invertFseTable(buildFseTable(shares, accuracyLog))),
  }
}

function writeCount(count: number, output: Uint8Array, start: number): number {
  let at = start
  if (count < 128) {
    output[at++] = count
  } else if (count < TWO_BYTE_COUNTS) {
    output[at++] = 128 + (count >>> 8)
    output[at++] = count & 0xff
  } else {
    output[at++] = 255
    output[at++] = (count - TWO_BYTE_COUNTS) & 0xff
    output[at++] = (count - TWO_BYTE_COUNTS) >>> 8
  }
  return at
}

/** Returns the written form of the distances: one of the last three as a number up to 3, others plus 3. */
function offsetValues(found: FoundSequences, repeated: RepeatedOffsets): Uint32Array {
  const values = new Uint32Array(found.count)
  for (let index = 0; index < found.count; index++) {
    const literalBytes = found.literalBytes[index] as number
    const value = offsetValue(found.offsets[index] as number, literalBytes, repeated)
    resolveOffset(value, literalBytes, repeated)
    values[index] = value
  }
  return values
}

function offsetValue(offset: number, literalBytes: number, repeated: RepeatedOffsets): number {
  const [first, second, third] = repeated
  if (literalBytes > 0) {
    if (offset === first) return 1
    if (offset === second) return 2
    if (offset === third) return 3
  } else {
    if (offset === second) return 1
    if (offset === third) return 2
    if (offset === first - 1) return 3
  }
  return offset + 3
}

function literalCode(count: number): number {
  return LITERAL_CODES[count] ?? 19 + 31 - Math.clz32(count)
}

function matchCode(count: number): number {
  return MATCH_CODES[count] ?? 36 + 31 - Math.clz32(count - 3)
}

function codesBelow(end: number, bases: readonly number[]): Uint8Array {
  return new Uint8Array(end).map((_, value) => bases.findLastIndex((base) => base <= value))
}
