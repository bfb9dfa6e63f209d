/**
 * The latest offset of each key of a pass: an open-addressed table of 24 bytes per slot, which grows with its keys.
 *
 *     hash    4 words of 32 bits
 *     offset  float64; -1: the slot is free
 */
import { HASH_WORDS, type KeyHash } from './key-hash.ts'
import { PASS_KEYS_MAX } from './limits.ts'

const SLOTS_FIRST = 1_024
/** Fuller tables take longer to search. */
const LOAD_MAX = 0.85
const FREE = -1

export class KeyMap {
  readonly #hash: KeyHash
  readonly #keysMax: number
  #hashes = new Int32Array(SLOTS_FIRST * HASH_WORDS)
  #offsets = new Float64Array(SLOTS_FIRST).fill(FREE)
  #keysCount = 0

  constructor(hash: KeyHash, keysMax = PASS_KEYS_MAX) {
    this.#hash = hash
    this.#keysMax = keysMax
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
    this.#hash.of(bytes, keyStart, keyEnd)
    let slot = this.#slotOf(this.#hash.words, 0)
    if (this.#offsets[slot] === FREE) {
      if (this.#keysCount >= this.#keysMax) return false
      if (this.#keysCount >= this.#offsets.length * LOAD_MAX) {
        this.#grow()
        slot = this.#slotOf(this.#hash.words, 0)
      }
      this.#hashes.set(this.#hash.words, slot * HASH_WORDS)
      this.#keysCount += 1
    }
    this.#offsets[slot] = offset
    return true
  }

  /** Returns the latest offset of a key; -1 if it is not in the map. */
  get(bytes: Uint8Array, keyStart: number, keyEnd: number): number {
    this.#hash.of(bytes, keyStart, keyEnd)
    return this.#offsets[this.#slotOf(this.#hash.words, 0)] as number
  }

  /** Returns the slot that has a hash, or the free one where it belongs. */
  #slotOf(hashes: Int32Array, at: number): number {
    const slots = this.#offsets.length
    const h0 = hashes[at] as number
    const h1 = hashes[at + 1] as number
    const h2 = hashes[at + 2] as number
    const h3 = hashes[at + 3] as number
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

  #grow(): void {
    const hashes = this.#hashes
    const offsets = this.#offsets
    const slotsMax = Math.ceil(this.#keysMax / LOAD_MAX) + 1
    const slots = Math.max(offsets.length + 1, Math.min(offsets.length * 2, slotsMax))
    this.#hashes = new Int32Array(slots * HASH_WORDS)
    this.#offsets = new Float64Array(slots).fill(FREE)
    for (let old = 0; old < offsets.length; old++) {
      const offset = offsets[old] as number
      if (offset === FREE) continue
      const slot = this.#slotOf(hashes, old * HASH_WORDS)
      this.#hashes.set(hashes.subarray(old * HASH_WORDS, (old + 1) * HASH_WORDS), slot * HASH_WORDS)
      this.#offsets[slot] = offset
    }
  }
}
