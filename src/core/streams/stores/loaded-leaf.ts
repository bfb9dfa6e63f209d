/** A leaf in memory. */
import { LEAF_BYTES_SPLIT } from '../limits.ts'
import { entrySizeBytes } from './leaf.ts'

/** The value of an entry that was not decoded yet. */
export const ENCODED = Symbol('encoded')

export interface Entry {
  readonly key: string
  /** The value as of the last commit; null if the key had none. */
  bytes: Uint8Array | null
  /** The current value; undefined: deleted. */
  value: unknown
  /** The turn that changed the entry last. */
  turn: number
}

export interface LoadedLeaf {
  readonly low: string
  /** The end of its range, not included; null: it has no end. */
  high: string | null
  entries: Entry[]
  /** True if a row exists for it. */
  readonly isStored: boolean
  isChanged: boolean
  sizeBytes: number
  usedTurn: number
}

/** Returns the bytes that an entry takes in a leaf; a deleted one takes none. */
export function sizeOf(key: string, bytes: Uint8Array | null): number {
  return bytes === null ? 0 : entrySizeBytes(key.length, bytes.length)
}

export function totalSize(entries: readonly Entry[]): number {
  return entries.reduce((sum, { key, bytes }) => sum + sizeOf(key, bytes), 0)
}

/** Cuts the entries of a leaf that is too large into runs that fit one leaf each. */
export function splitRuns(entries: Entry[]): Entry[][] {
  const runs: Entry[][] = []
  let run: Entry[] = []
  let sizeBytes = 0
  for (const entry of entries) {
    const more = sizeOf(entry.key, entry.bytes)
    if (run.length > 0 && sizeBytes + more > LEAF_BYTES_SPLIT) {
      runs.push(run)
      run = []
      sizeBytes = 0
    }
    run.push(entry)
    sizeBytes += more
  }
  runs.push(run)
  return runs
}

/** Returns the index of the first entry at or behind a key. */
export function indexOf(entries: readonly Entry[], key: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle] as Entry).key < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Returns the index of the last leaf that begins at or before a key; -1 if there is none. */
export function floorOf(leaves: readonly LoadedLeaf[], key: string): number {
  let low = 0
  let high = leaves.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((leaves[middle] as LoadedLeaf).low <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}
