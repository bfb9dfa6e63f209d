/** A set of partitions as a bitmap: a topic's row stores one, which takes 125 bytes for 1,000 partitions. */
import { PARTITIONS_MAX } from '../limits.ts'

/** Bit `p % 8` of byte `p / 8` stands for partition `p`. Missing bytes are 0. */
export type PartitionSet = Uint8Array<ArrayBuffer>

export const NO_PARTITIONS: PartitionSet = new Uint8Array(0)

/** Returns the set of partitions 0 to `count` - 1. */
export function firstPartitions(count: number): PartitionSet {
  const set = new Uint8Array(byteOf(count + 7))
  for (let partition = 0; partition < count; partition += 1) addTo(set, partition)
  return set
}

export function hasPartition(set: PartitionSet, partition: number): boolean {
  return ((set[byteOf(partition)] ?? 0) & maskOf(partition)) !== 0
}

/** Returns a set with one more partition. */
export function withPartition(set: PartitionSet, partition: number): PartitionSet {
  const grown = new Uint8Array(Math.max(set.length, byteOf(partition) + 1))
  grown.set(set)
  addTo(grown, partition)
  return grown
}

/** Returns the partitions of a set in ascending order. */
export function partitionsIn(set: PartitionSet): number[] {
  const partitions: number[] = []
  for (let partition = 0; partition < Math.min(set.length * 8, PARTITIONS_MAX); partition += 1) {
    if (hasPartition(set, partition)) partitions.push(partition)
  }
  return partitions
}

function addTo(set: Uint8Array, partition: number): void {
  const byte = byteOf(partition)
  set[byte] = (set[byte] ?? 0) | maskOf(partition)
}

function byteOf(partition: number): number {
  return partition >> 3
}

function maskOf(partition: number): number {
  return 1 << (partition & 7)
}
