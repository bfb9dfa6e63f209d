/**
 * Counts different texts in little space: HyperLogLog. A sketch is bytes: the form, then for form 0 the hashes of at
 * most 128 texts, 8 bytes each, and for form 1 a register of one byte for each of 2,048 groups of hashes.
 */

const HASHES = 0
const REGISTERS = 1
const HASHES_MAX = 128
const REGISTER_COUNT = 2_048
/** Bits of a hash that do not select the register. */
const RANK_BITS = 53 - 11
const BIAS = 0.7213 / (1 + 1.079 / REGISTER_COUNT)

export const EMPTY_SKETCH: Uint8Array = Uint8Array.of(HASHES)

export function addToSketch(sketch: Uint8Array, text: string): Uint8Array {
  return addHash(sketch, hashOf(text))
}

export function mergeSketches(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (other[0] === HASHES) return hashesOf(other).reduce(addHash, one)
  if (one[0] === HASHES) return hashesOf(one).reduce(addHash, other)
  return one.map((rank, index) => Math.max(rank, other[index] ?? 0))
}

/** Returns about how many texts were added; exactly, unless two of at most 128 have the same hash of 53 bits. */
export function estimateOfSketch(sketch: Uint8Array): number {
  if (sketch[0] === HASHES) return hashesOf(sketch).length
  let sum = 0
  let zeros = 0
  for (const rank of sketch.subarray(1)) {
    sum += 2 ** -rank
    if (rank === 0) zeros++
  }
  const estimate = (BIAS * REGISTER_COUNT ** 2) / sum
  const isSmall = estimate <= 2.5 * REGISTER_COUNT && zeros > 0
  return Math.round(isSmall ? REGISTER_COUNT * Math.log(REGISTER_COUNT / zeros) : estimate)
}

function hashesOf(sketch: Uint8Array): number[] {
  const view = new DataView(sketch.buffer, sketch.byteOffset, sketch.byteLength)
  return Array.from({ length: (sketch.length - 1) / 8 }, (_, index) =>
    view.getFloat64(1 + index * 8),
  )
}

function addHash(sketch: Uint8Array, hash: number): Uint8Array {
  if (sketch[0] !== HASHES) return raiseRegister(sketch, hash)
  const hashes = hashesOf(sketch)
  if (hashes.includes(hash)) return sketch
  if (hashes.length < HASHES_MAX) {
    const longer = new Uint8Array(sketch.length + 8)
    longer.set(sketch)
    new DataView(longer.buffer).setFloat64(sketch.length, hash)
    return longer
  }
  const registers = new Uint8Array(1 + REGISTER_COUNT)
  registers[0] = REGISTERS
  return [...hashes, hash].reduce(raiseRegister, registers)
}

function raiseRegister(sketch: Uint8Array, hash: number): Uint8Array {
  const index = 1 + (hash % REGISTER_COUNT)
  const rest = Math.floor(hash / REGISTER_COUNT)
  const rank = RANK_BITS - (rest === 0 ? 0 : Math.floor(Math.log2(rest)) + 1) + 1
  if ((sketch[index] ?? 0) >= rank) return sketch
  const raised = sketch.slice()
  raised[index] = rank
  return raised
}

/** Returns a hash of 53 bits: two of 32 bits, mixed as in MurmurHash3. */
function hashOf(text: string): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    high = Math.imul(high ^ unit, 0x9e3779b1)
    low = Math.imul(low ^ unit, 0x5f356495)
  }
  high = mix(high) ^ mix(low ^ 0x165667b1)
  low = mix(low) ^ mix(high)
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
