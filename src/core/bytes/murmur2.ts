const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Returns Kafka's murmur2 hash as an int32; every client uses it to choose the partition of a key. */
export function murmur2(bytes: Uint8Array): number {
  const wholeBytes = bytes.length & ~3
  let hash = SEED ^ bytes.length
  for (let index = 0; index < wholeBytes; index += 4) {
    let k =
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  // The remaining one to three bytes; a missing byte counts as zero.
  if (wholeBytes < bytes.length) {
    hash ^= (bytes[wholeBytes + 2] ?? 0) << 16
    hash ^= (bytes[wholeBytes + 1] ?? 0) << 8
    hash ^= bytes[wholeBytes] as number
    hash = Math.imul(hash, M)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** Maps a hash to a number >= 0 as Kafka does: clears the sign bit, which differs from the absolute value. */
export function toPositive(hash: number): number {
  return hash & 0x7fffffff
}
