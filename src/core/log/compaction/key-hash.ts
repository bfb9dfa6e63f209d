/**
 * A keyed hash of record keys with 128 bits: two HalfSipHash-2-4 of 64 bits with independent keys. The key is random
 * for each pass: an attacker who could make two record keys collide would delete records of others.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash", and the reference code of HalfSipHash.
 */

/** 32-bit words of a hash. */
export const HASH_WORDS = 4

const C2 = 0x6c796765
const C3 = 0x74656462

export class KeyHash {
  readonly #key: Int32Array
  /** The result of the last `of`: four words of 32 bits. */
  readonly words = new Int32Array(HASH_WORDS)

  /** @param key four random words of 32 bits */
  constructor(key: Int32Array) {
    this.#key = key.slice(0, HASH_WORDS)
  }

  /** Hashes the bytes from `start` up to, not including, `end` into `words`. */
  of(bytes: Uint8Array, start: number, end: number): void {
    this.#half(bytes, start, end, 0)
    this.#half(bytes, start, end, 2)
  }

  #half(bytes: Uint8Array, start: number, end: number, at: 0 | 2): void {
    const k0 = this.#key[at] as number
    const k1 = this.#key[at + 1] as number
    let v0 = k0
    let v1 = k1 ^ 0xee
    let v2 = C2 ^ k0
    let v3 = C3 ^ k1
    const wholeEnd = start + ((end - start) & ~3)
    const finalWord = lastWord(bytes, wholeEnd, end, end - start)
    // 2 rounds per word, and 4 at the end of each of the two words of the result.
    for (let position = start; position <= wholeEnd; position += 4) {
      const word = position < wholeEnd ? littleEndian(bytes, position) : finalWord
      v3 ^= word
      for (let round = 0; round < 2; round++) {
        v0 = (v0 + v1) | 0
        v1 = rotate(v1, 5) ^ v0
        v0 = rotate(v0, 16)
        v2 = (v2 + v3) | 0
        v3 = rotate(v3, 8) ^ v2
        v0 = (v0 + v3) | 0
        v3 = rotate(v3, 7) ^ v0
        v2 = (v2 + v1) | 0
        v1 = rotate(v1, 13) ^ v2
        v2 = rotate(v2, 16)
      }
      v0 ^= word
    }
    for (let half = 0; half < 2; half++) {
      if (half === 0) v2 ^= 0xee
      else v1 ^= 0xdd
      for (let round = 0; round < 4; round++) {
        v0 = (v0 + v1) | 0
        v1 = rotate(v1, 5) ^ v0
        v0 = rotate(v0, 16)
        v2 = (v2 + v3) | 0
        v3 = rotate(v3, 8) ^ v2
        v0 = (v0 + v3) | 0
        v3 = rotate(v3, 7) ^ v0
        v2 = (v2 + v1) | 0
        v1 = rotate(v1, 13) ^ v2
        v2 = rotate(v2, 16)
      }
      this.words[at + half] = v1 ^ v3
    }
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function littleEndian(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** Returns the remaining bytes with the length in the highest byte. */
function lastWord(bytes: Uint8Array, from: number, end: number, lengthBytes: number): number {
  let word = lengthBytes << 24
  for (let position = from; position < end; position++) {
    word |= (bytes[position] as number) << (8 * (position - from))
  }
  return word
}
