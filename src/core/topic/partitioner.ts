import { murmur2, toPositive } from '../bytes/murmur2.ts'

/**
 * The partition of a record with a key: the one that Kafka's own clients choose.
 *
 * @example
 * partitionForKey(new TextEncoder().encode('foobar'), 6)
 */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return toPositive(murmur2(key)) % partitions
}
