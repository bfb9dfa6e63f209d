/**
 * The latest offset of each key of a pass: an open-addressed table of 24 bytes per slot.
 *
 *     hash    4 words of 32 bits
 *     offset  float64, plus 1; 0: the slot is free
 *
 * It has its full size from the start, because to move all keys into a larger one would take tens of milliseconds. The
 * system provides memory that is not written yet only when it is used.
 */
import { HASH_WORDS, type KeyHash } from './key-hash.ts'

/** Fuller tables take longer to search. */
const LOAD_MAX = 0.85
const FREE = 0

export class KeyMap {
  readonly #hash: KeyHash
  readonly #keysMax: number
  readonly #hashes: Int32Array
  readonly #offsets: Float64Array
  #keysCount = 0

  constructor(hash: KeyHash, keysMax: number) {
    this.#hash = hash
    this.#keysMax = keysMax
    const slots = Math.ceil(keysMax / LOAD_MAX) + 1
    this.#hashes = new Int32Array(slots * HASH_WORDS)
    this.#offsets = new Float64Array(slots)
  }

  get keysCount(): number {
    return this.#keysCount
  }

  /**
   * Remembers the offset of a key, which is higher than all before.
   *
   * @returns false if the map is full; it is unchanged then.
   */
  put(bytes: Uint8Array, keyStart: number, keyEnd: number, offset: number): boolean {
    const slot = this.#slotOf(bytes, keyStart, keyEnd)
    if (this.#offsets[slot] === FREE) {
      if (this.#keysCount >= this.#keysMax) return false
      this.#hashes.set(this.#hash.words, slot * HASH_WORDS)
      this.#keysCount += 1
    }
    this.#offsets[slot] = offset + 1
    return true
  }

  /** Returns the latest offset of a key; -1 if it is not in the map. */
  get(bytes: Uint8Array, keyStart: number, keyEnd: number): number {
    return (this.#offsets[this.#slotOf(bytes, keyStart, keyEnd)] as number) - 1
  }

  /** Returns the slot that has a key, or the free one where it belongs. */
  #slotOf(bytes: Uint8Array, keyStart: number, keyEnd: number): number {
    this.#hash.of(bytes, keyStart, keyEnd)
    const { words } = this.#hash
    const h0 = words[0] as number
    const h1 = words[1] as number
    const h2 = words[2] as number
    const h3 = words[3] as number
    const slots = this.#offsets.length
    let slot = (h0 >>> 0) % slots
    for (;;) {
      if (this.#offsets[slot] === FREE) return slot
      const stored = slot * HASH_WORDS
      if (
        this.#hashes[stored] === h0 &&
        this.#hashes[stored + 1] === h1 &&
        this.#hashes[stored + 2] === h2 &&
        this.#hashes[stored + 3] === h3
      ) {
        return slot
      }
      slot = slot + 1 === slots ? 0 : slot + 1
    }
  }
}
