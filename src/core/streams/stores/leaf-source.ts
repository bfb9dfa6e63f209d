/** Where the leaves of a task are stored: SQLite in an object and in Node, a map in memory. */

export interface FoundLeaf {
  /** The leaf with the largest first key at or below the wanted one; undefined if there is none. */
  readonly leaf?: { readonly firstKey: string; readonly bytes: Uint8Array }
  /** The first key of the next leaf; null if there is none. */
  readonly nextFirstKey: string | null
}

/** Finds leaves in what was stored by the last checkpoint. */
export interface LeafSource {
  find(store: string, segment: number, key: string): FoundLeaf
  /** Returns the segments of a store that have leaves, in ascending order. */
  segments(store: string): readonly number[]
}

/** Replaces a leaf, or deletes it. */
export interface LeafWrite {
  readonly store: string
  readonly segment: number
  readonly firstKey: string
  /** null: deletes the leaf. */
  readonly bytes: Uint8Array | null
}

/** Deletes the leaves of all segments below one. */
export interface SegmentDrop {
  readonly store: string
  readonly belowSegment: number
}

/** All that a checkpoint writes, in one transaction with the turn that it follows. */
export interface Checkpoint {
  readonly leaves: readonly LeafWrite[]
  readonly drops: readonly SegmentDrop[]
}

interface MemoryLeaf {
  readonly firstKey: string
  readonly bytes: Uint8Array
}

/** Keeps leaves in memory: for tests, and where storage cannot be read at once. */
export class MemoryLeaves implements LeafSource {
  /** By store and segment: the leaves in the order of their first keys. */
  readonly #stores = new Map<string, Map<number, MemoryLeaf[]>>()
  #sizeBytes = 0

  /** Bytes of all leaves. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  find(store: string, segment: number, key: string): FoundLeaf {
    const leaves = this.#stores.get(store)?.get(segment) ?? []
    const next = indexBehind(leaves, key)
    const leaf = leaves[next - 1]
    const nextFirstKey = leaves[next]?.firstKey ?? null
    return leaf === undefined ? { nextFirstKey } : { leaf, nextFirstKey }
  }

  segments(store: string): readonly number[] {
    return [...(this.#stores.get(store)?.keys() ?? [])].sort((a, b) => a - b)
  }

  write({ leaves, drops }: Checkpoint): void {
    for (const leaf of leaves) this.put(leaf)
    for (const { store, belowSegment } of drops) {
      const segments = this.#stores.get(store)
      for (const segment of this.segments(store)) {
        if (segment >= belowSegment) continue
        for (const { bytes } of segments?.get(segment) ?? []) this.#sizeBytes -= bytes.length
        segments?.delete(segment)
      }
    }
  }

  put({ store, segment, firstKey, bytes }: LeafWrite): void {
    const segments = this.#stores.get(store) ?? new Map<number, MemoryLeaf[]>()
    this.#stores.set(store, segments)
    const leaves = segments.get(segment) ?? []
    segments.set(segment, leaves)
    const next = indexBehind(leaves, firstKey)
    const found = leaves[next - 1]
    if (found?.firstKey === firstKey) {
      this.#sizeBytes -= found.bytes.length
      leaves.splice(next - 1, 1)
    }
    if (bytes !== null) {
      this.#sizeBytes += bytes.length
      leaves.splice(indexBehind(leaves, firstKey), 0, { firstKey, bytes: bytes.slice() })
    }
    if (leaves.length === 0) segments.delete(segment)
  }
}

/** Returns the index of the first leaf that begins behind a key. */
function indexBehind(leaves: readonly MemoryLeaf[], key: string): number {
  let low = 0
  let high = leaves.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((leaves[middle] as MemoryLeaf).firstKey <= key) low = middle + 1
    else high = middle
  }
  return low
}
