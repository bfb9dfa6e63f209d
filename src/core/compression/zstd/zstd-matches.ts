/** Finds matches of a block in the bytes before them, within a window. */
import { readWord } from '../read-word.ts'
import { ZSTD_BLOCK_BYTES_MAX } from './zstd-frame.ts'

/** Maximum distance of a match: what a reader must keep. */
export const ZSTD_WINDOW_BYTES_MAX = 1024 * 1024

const MATCH_BYTES_MIN = 4
/** Matches begin only where two words can be read. */
const TAIL_BYTES = 8
/** A match gives way to a longer one that begins a byte later, this many times. */
const LATER_STARTS_MAX = 2
const HASH_BITS_MIN = 8
const HASH_BITS_MAX = 16
const MULTIPLIER = 0x9e3779b1
const NEXT_MULTIPLIER = 0x85ebca77

/** The sequences of a block: `literalBytes` literals, then a copy of `matchBytes` from `offset` bytes back. */
export interface FoundSequences {
  count: number
  readonly literalBytes: Uint32Array
  readonly matchBytes: Uint32Array
  readonly offsets: Uint32Array
}

/** Keeps the last position of each hash of four and of eight bytes. Its size follows the content, up to 512 KiB. */
export class MatchFinder {
  readonly #bytes: Uint8Array
  readonly #shift: number
  /** Positions plus one, by hash; 0: none. */
  readonly #short: Uint32Array
  readonly #long: Uint32Array
  readonly #found: FoundSequences
  /** The distance of the last match, also across blocks: repeated distances take few bits. */
  #lastOffset = 1

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    const contentBits = 32 - Math.clz32(bytes.length)
    const hashBits = Math.min(HASH_BITS_MAX, Math.max(HASH_BITS_MIN, contentBits))
    this.#shift = 32 - hashBits
    this.#short = new Uint32Array(1 << hashBits)
    this.#long = new Uint32Array(1 << hashBits)
    const sequencesMax = Math.ceil(Math.min(bytes.length, ZSTD_BLOCK_BYTES_MAX) / MATCH_BYTES_MIN)
    this.#found = {
      count: 0,
      literalBytes: new Uint32Array(sequencesMax),
      matchBytes: new Uint32Array(sequencesMax),
      offsets: new Uint32Array(sequencesMax),
    }
  }

  /** Returns the sequences of a block, valid until the next call. Blocks must be given in order. */
  find(start: number, end: number): FoundSequences {
    const found = this.#found
    found.count = 0
    let literalStart = start
    let position = start
    const searchEnd = end - TAIL_BYTES
    while (position < searchEnd) {
      let offset = this.#offsetAt(position)
      if (offset === 0) {
        // Steps grow with the literals, so that incompressible data costs little time.
        position += 1 + ((position - literalStart) >>> 8)
        continue
      }
      let to = this.#extend(position + MATCH_BYTES_MIN, offset, end)
      for (let step = 0; step < LATER_STARTS_MAX && position + 1 < searchEnd; step++) {
        const laterOffset = this.#offsetAt(position + 1)
        if (laterOffset === 0) break
        const laterTo = this.#extend(position + 1 + MATCH_BYTES_MIN, laterOffset, end)
        if (laterTo <= to + 1) break
        to = laterTo
        offset = laterOffset
        position += 1
      }
      const from = this.#extendBack(position, offset, literalStart)
      found.literalBytes[found.count] = from - literalStart
      found.matchBytes[found.count] = to - from
      found.offsets[found.count++] = offset
      this.#lastOffset = offset
      this.#enter(position + 2, searchEnd)
      this.#enter(to - 2, searchEnd)
      literalStart = position = to
    }
    return found
  }

  /** Returns the distance of the best match at `position`, or 0; enters the position. */
  #offsetAt(position: number): number {
    const bytes = this.#bytes
    const word = readWord(bytes, position)
    const nextWord = readWord(bytes, position + 4)
    const shortHash = Math.imul(word, MULTIPLIER) >>> this.#shift
    const longHash =
      (Math.imul(word, MULTIPLIER) + Math.imul(nextWord, NEXT_MULTIPLIER)) >>> this.#shift
    const short = this.#short[shortHash] as number
    const long = this.#long[longHash] as number
    this.#short[shortHash] = position + 1
    this.#long[longHash] = position + 1
    const oldest = Math.max(0, position - ZSTD_WINDOW_BYTES_MAX)
    const repeated = position - this.#lastOffset
    if (repeated >= oldest && readWord(bytes, repeated) === word) return this.#lastOffset
    if (
      long > oldest &&
      readWord(bytes, long - 1) === word &&
      readWord(bytes, long + 3) === nextWord
    ) {
      return position - long + 1
    }
    if (short > oldest && readWord(bytes, short - 1) === word) return position - short + 1
    return 0
  }

  #enter(position: number, searchEnd: number): void {
    if (position >= searchEnd) return
    const word = readWord(this.#bytes, position)
    const product = Math.imul(word, MULTIPLIER)
    const next = Math.imul(readWord(this.#bytes, position + 4), NEXT_MULTIPLIER)
    this.#short[product >>> this.#shift] = position + 1
    this.#long[(product + next) >>> this.#shift] = position + 1
  }

  #extendBack(position: number, offset: number, start: number): number {
    const bytes = this.#bytes
    let from = position
    while (from > start && from > offset && bytes[from - 1] === bytes[from - 1 - offset]) from--
    return from
  }

  #extend(position: number, offset: number, end: number): number {
    const bytes = this.#bytes
    let to = position
    while (to < end && bytes[to] === bytes[to - offset]) to++
    return to
  }
}
