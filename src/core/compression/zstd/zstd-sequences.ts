/**
 * The sequences section of a zstd block (RFC 8878, section 3.1.1.3.2): a number of literals, then the length
 * and the distance of a match; each of the three numbers is a code and some more bits.
 */
import { corrupt, tooLarge } from '../compression-error.ts'
import { copyBytes, repeatBytes } from '../copy-bytes.ts'
import type { OutputBuffer } from '../output-buffer.ts'
import { BackwardBits, ForwardBits } from './zstd-bits.ts'
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
import { ZSTD_BLOCK_BYTES_MAX } from './zstd-frame.ts'
import { type FseTable, nextFseState, readFseTable, repeatedFseTable } from './zstd-fse.ts'

export interface SequenceTables {
  readonly literals: FseTable
  readonly offsets: FseTable
  readonly matches: FseTable
}

/** The last three distances; a sequence may refer to one of them. */
export type RepeatedOffsets = [number, number, number]

/** Returns the distances that a frame begins with. */
export function initialOffsets(): RepeatedOffsets {
  return [1, 4, 8]
}

/**
 * Executes the sequences of `section` with `literals`, at the end of `output`. Returns the tables, for
 * following blocks without tables of their own.
 *
 * @throws {EdgelogError} `corrupt_message`; `message_too_large` if `output` may not grow further.
 */
export function runSequences(
  section: Uint8Array,
  literals: Uint8Array,
  repeated: RepeatedOffsets,
  previous: SequenceTables | null,
  output: OutputBuffer,
): SequenceTables | null {
  const { count, headerBytes } = readCount(section)
  if (count === 0) {
    if (section.length !== 1) throw corrupt('zstd', 'bytes follow a block without sequences')
    appendLiterals(literals, 0, literals.length, output)
    return previous
  }
  const modes = section[headerBytes]
  if (modes === undefined || (modes & 3) !== 0) throw corrupt('zstd', 'unknown modes of sequences')
  const cursor = { at: headerBytes + 1 }
  const tables = {
    literals: readTable(section, cursor, modes >>> 6, LITERAL_KIND, previous?.literals),
    offsets: readTable(section, cursor, (modes >>> 4) & 3, OFFSET_KIND, previous?.offsets),
    matches: readTable(section, cursor, (modes >>> 2) & 3, MATCH_KIND, previous?.matches),
  }
  const input = new BackwardBits(section.subarray(cursor.at))
  executeAll(input, count, tables, literals, repeated, output)
  return tables
}

function readCount(section: Uint8Array): { count: number; headerBytes: number } {
  const [first, second, third] = section
  if (first === undefined) throw corrupt('zstd', 'a block without sequences')
  if (first < 128) return { count: first, headerBytes: 1 }
  if (first < 255) return { count: ((first - 128) << 8) + (second ?? 0), headerBytes: 2 }
  return { count: (second ?? 0) + ((third ?? 0) << 8) + 0x7f00, headerBytes: 3 }
}

function readTable(
  section: Uint8Array,
  cursor: { at: number },
  mode: number,
  kind: CodeKind,
  previous: FseTable | undefined,
): FseTable {
  if (mode === 0) return kind.predefined
  if (mode === 1) {
    const symbol = section[cursor.at++]
    if (symbol === undefined || symbol > kind.symbolMax) throw corrupt('zstd', 'an unknown code')
    return repeatedFseTable(symbol)
  }
  if (mode === 2) {
    const input = new ForwardBits(section, cursor.at)
    const table = readFseTable(input, kind.accuracyLogMax, kind.symbolMax)
    cursor.at = input.end()
    return table
  }
  if (previous === undefined) throw corrupt('zstd', 'a missing table')
  return previous
}

function executeAll(
  input: BackwardBits,
  count: number,
  tables: SequenceTables,
  literals: Uint8Array,
  repeated: RepeatedOffsets,
  output: OutputBuffer,
): void {
  const blockEnd = output.length + ZSTD_BLOCK_BYTES_MAX
  let literalState = input.read(tables.literals.accuracyLog)
  let offsetState = input.read(tables.offsets.accuracyLog)
  let matchState = input.read(tables.matches.accuracyLog)
  let used = 0
  for (let index = 0; index < count; index++) {
    const offsetCode = tables.offsets.symbols[offsetState] as number
    const matchCode = tables.matches.symbols[matchState] as number
    const literalCode = tables.literals.symbols[literalState] as number
    const offsetValue = 2 ** offsetCode + input.read(offsetCode)
    const matchBytes =
      (MATCH_BASE[matchCode] as number) + input.read(MATCH_BITS[matchCode] as number)
    const literalBytes =
      (LITERAL_BASE[literalCode] as number) + input.read(LITERAL_BITS[literalCode] as number)
    if (index < count - 1) {
      literalState = nextFseState(tables.literals, literalState, input)
      matchState = nextFseState(tables.matches, matchState, input)
      offsetState = nextFseState(tables.offsets, offsetState, input)
    }
    if (input.remaining < 0 || output.length + literalBytes + matchBytes > blockEnd) {
      throw corrupt('zstd', 'sequences that exceed the block')
    }
    appendLiterals(literals, used, literalBytes, output)
    used += literalBytes
    appendMatch(resolveOffset(offsetValue, literalBytes, repeated), matchBytes, output)
  }
  if (input.remaining !== 0) throw corrupt('zstd', 'unused bytes in a stream')
  if (output.length + literals.length - used > blockEnd)
    throw corrupt('zstd', 'the block is too long')
  appendLiterals(literals, used, literals.length - used, output)
}

/**
 * Resolves an offset, and puts it first in `repeated`. A value up to 3 refers to a previous offset;
 * without literals before it, to the next older one.
 */
export function resolveOffset(
  value: number,
  literalBytes: number,
  repeated: RepeatedOffsets,
): number {
  const [first, second, third] = repeated
  if (value > 3) {
    repeated[2] = second
    repeated[1] = first
    repeated[0] = value - 3
    return value - 3
  }
  const index = literalBytes === 0 ? value : value - 1
  if (index === 0) return first
  const offset = index === 1 ? second : index === 2 ? third : first - 1
  if (index > 1) repeated[2] = second
  repeated[1] = first
  repeated[0] = offset
  return offset
}

function appendLiterals(
  literals: Uint8Array,
  from: number,
  count: number,
  output: OutputBuffer,
): void {
  if (count > literals.length - from) throw corrupt('zstd', 'more literals than the block has')
  makeRoom(output, count)
  copyBytes(literals, from, count, output.buffer, output.length)
  output.length += count
}

function appendMatch(offset: number, count: number, output: OutputBuffer): void {
  if (offset < 1 || offset > output.length) throw corrupt('zstd', `an offset of ${offset}`)
  makeRoom(output, count)
  repeatBytes(output.buffer, output.length, offset, count)
  output.length += count
}

function makeRoom(output: OutputBuffer, count: number): void {
  if (count <= output.buffer.length - output.length) return
  if (output.reserve(count) < count) throw tooLarge('zstd', output.bytesMax)
}
