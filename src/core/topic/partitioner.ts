import { murmur2, toPositive } from '../bytes/murmur2.ts'

/**
 * Returns the partition of a record with a key, as chosen by Kafka's own clients.
 *
 * @example
 * partitionForKey(new TextEncoder().encode('foobar'), 6)
 */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return toPositive(murmur2(key)) % partitions
}
