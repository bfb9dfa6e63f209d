/**
 * One store of a task: keys in order, in leaves that are loaded when they are needed. Changes stay in memory and in the
 * rows of their turns until a checkpoint writes the changed leaves.
 *
 *     stored:    | leaf a..f | leaf f..m |  leaf m..   |
 *     loaded:    | a..f      |           | m..q | q..  |    a loaded leaf that grew is split; both halves are written
 *
 * A range between two stored leaves belongs to the leaf before it. A changed leaf stays loaded until the checkpoint.
 */
import { EdgelogError } from '../../errors.ts'
import { ENTRY_BYTES_MAX, LEAF_BYTES_MAX, LEAF_ENTRIES_MAX, TURN_BYTES_MAX } from '../limits.ts'
import { decodeLeaf, encodeLeaf, type StoredEntry } from './leaf.ts'
import type { Checkpoint, LeafSource, LeafWrite } from './leaf-source.ts'
import {
  ENCODED,
  type Entry,
  floorOf,
  indexOf,
  type LoadedLeaf,
  sizeOf,
  splitRuns,
  totalSize,
} from './loaded-leaf.ts'
import { UnappliedChanges } from './unapplied-changes.ts'

/** Converts the values of a store. */
export interface ValueCodec<V> {
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
}

/** A changed key, as a turn stores it. */
export interface StateChange {
  readonly store: string
  readonly segment: number
  readonly key: string
  /** null: the key is deleted. */
  readonly bytes: Uint8Array | null
}

/** An entry that was changed since the last commit. */
interface Touched {
  readonly entry: Entry
  readonly segment: number
  leaf: LoadedLeaf
}

/** Where a key is in its leaf, or would be. */
interface Place {
  readonly segment: number
  readonly key: string
  readonly leaf: LoadedLeaf
  readonly index: number
}

export class LeafTree<V> {
  readonly name: string
  readonly #codec: ValueCodec<V>
  readonly #source: LeafSource
  readonly #segments = new Map<number, LoadedLeaf[]>()
  #touched: Touched[] = []
  /** The place that was searched last: a key that is read is often written next. */
  #place: Place | undefined
  #prepared: readonly StateChange[] = []
  /** Changes since the last checkpoint whose leaves are not loaded, by segment. */
  readonly #unapplied = new Map<number, UnappliedChanges>()
  /** As of the last checkpoint; undefined until it is needed. */
  #storedSegments: readonly number[] | undefined
  #turn = 1
  /** Segments below it are deleted. */
  #droppedBelow = Number.NEGATIVE_INFINITY
  /** As of the last commit, and as of the last checkpoint. */
  #committedDrop = Number.NEGATIVE_INFINITY
  #storedDrop = Number.NEGATIVE_INFINITY
  #cachedBytes = 0

  constructor(name: string, codec: ValueCodec<V>, source: LeafSource) {
    this.name = name
    this.#codec = codec
    this.#source = source
  }

  /** Bytes of the loaded leaves, as they are stored. */
  get cachedBytes(): number {
    return this.#cachedBytes
  }

  get(segment: number, key: string): V | undefined {
    if (segment < this.#droppedBelow) return undefined
    const { leaf, index } = this.#placeOf(segment, key)
    const entry = leaf.entries[index]
    return entry?.key === key ? this.#valueOf(entry) : undefined
  }

  put(segment: number, key: string, value: V): void {
    this.#set(segment, key, value)
  }

  delete(segment: number, key: string): void {
    if (this.get(segment, key) !== undefined) this.#set(segment, key, undefined)
  }

  /** Iterates the entries of a segment from `from` up to, not including, `to`. Changes meanwhile may be seen or not. */
  *range(segment: number, from: string, to: string | null): Generator<readonly [string, V]> {
    if (segment < this.#droppedBelow) return
    let at = from
    for (;;) {
      const leaf = this.#leafOf(segment, at)
      // A copy: the caller may change the store while it iterates.
      const entries = leaf.entries.slice(indexOf(leaf.entries, at))
      const { high } = leaf
      for (const entry of entries) {
        if (to !== null && entry.key >= to) return
        const value = this.#valueOf(entry)
        if (value !== undefined) yield [entry.key, value]
      }
      if (high === null || (to !== null && high >= to)) return
      at = high
    }
  }

  /** Returns the segments that may have entries, in ascending order. */
  segments(): number[] {
    this.#storedSegments ??= this.#source.segments(this.name)
    const all = new Set([
      ...this.#storedSegments,
      ...this.#segments.keys(),
      ...this.#unapplied.keys(),
    ])
    return [...all].filter((segment) => segment >= this.#droppedBelow).sort((a, b) => a - b)
  }

  dropBelow(segment: number): void {
    if (segment > this.#droppedBelow) this.#droppedBelow = segment
  }

  // -- turns -------------------------------------------------------------------------------------

  /**
   * Encodes the changes since the last commit, and returns their bytes.
   *
   * @throws what encoding a value throws; `message_too_large` for a value that no row can hold, and for more than
   * `bytesMax` together. Nothing is changed then.
   */
  prepare(bytesMax: number): number {
    let sizeBytes = 0
    this.#prepared = this.#touched.map(({ entry, segment }): StateChange => {
      const { key, value } = entry
      const bytes = value === undefined ? null : this.#codec.encode(value as V)
      checkSize(this.name, key, bytes)
      sizeBytes += sizeOf(key, bytes)
      if (sizeBytes > bytesMax) throw tooManyChanges(this.name)
      return { store: this.name, segment, key, bytes }
    })
    return sizeBytes
  }

  /** Returns the prepared changes, and makes them permanent in memory. */
  commit(): { readonly changes: readonly StateChange[]; readonly droppedBelow?: number } {
    const changes = this.#prepared
    for (const [index, { entry, leaf }] of this.#touched.entries()) {
      this.#replaceBytes(leaf, entry, (changes[index] as StateChange).bytes)
    }
    this.#touched = []
    this.#prepared = []
    this.#place = undefined
    this.#turn++
    if (this.#droppedBelow === this.#committedDrop) return { changes }
    this.#committedDrop = this.#droppedBelow
    return { changes, droppedBelow: this.#droppedBelow }
  }

  /** Undoes the changes since the last commit. Values are decoded again, since a function may have changed them. */
  rollBack(): void {
    this.#touched = []
    this.#place = undefined
    this.#droppedBelow = this.#committedDrop
    for (const leaves of this.#segments.values()) {
      for (const { entries } of leaves) {
        for (const entry of entries) {
          entry.value = entry.bytes === null ? undefined : ENCODED
          entry.turn = 0
        }
      }
    }
  }

  /**
   * Applies a change of a stored turn that follows the last checkpoint. If its leaf is not loaded, that happens when it
   * is: opening a large store loads nothing.
   */
  apply({ segment, key, bytes }: Pick<StateChange, 'segment' | 'key' | 'bytes'>): void {
    const leaves = this.#segments.get(segment) ?? []
    if (covers(leaves[floorOf(leaves, key)], key)) {
      this.#applyLoaded(segment, key, bytes)
      return
    }
    let changes = this.#unapplied.get(segment)
    if (changes === undefined) {
      changes = new UnappliedChanges()
      this.#unapplied.set(segment, changes)
    }
    changes.set(key, bytes)
  }

  applyDrop(droppedBelow: number): void {
    this.#droppedBelow = this.#committedDrop = droppedBelow
  }

  /** Returns the changed leaves, to be stored in the commit of the same turn. */
  checkpoint(): Checkpoint {
    this.#applyAll()
    this.#place = undefined
    const leaves: LeafWrite[] = []
    this.#storedSegments = this.segments()
    for (const [segment, loaded] of this.#segments) {
      if (segment < this.#committedDrop) {
        for (const leaf of loaded) this.#cachedBytes -= leaf.sizeBytes
        this.#segments.delete(segment)
        continue
      }
      const kept = loaded.flatMap((leaf) =>
        leaf.isChanged ? this.#store(segment, leaf, leaves) : leaf,
      )
      this.#segments.set(segment, kept)
    }
    const hasDropped = this.#committedDrop > this.#storedDrop
    this.#storedDrop = this.#committedDrop
    const drop = { store: this.name, belowSegment: this.#committedDrop }
    return { leaves, drops: hasDropped ? [drop] : [] }
  }

  /** Forgets leaves that were not used for the longest time. Call it after a checkpoint, when none is changed. */
  evict(bytesMax: number): void {
    if (this.#cachedBytes <= bytesMax) return
    this.#place = undefined
    const all = [...this.#segments].flatMap(([segment, leaves]) =>
      leaves.map((leaf) => ({ segment, leaf })),
    )
    all.sort((a, b) => a.leaf.usedTurn - b.leaf.usedTurn)
    const gone = new Set<LoadedLeaf>()
    for (const { leaf } of all) {
      if (this.#cachedBytes <= bytesMax) break
      gone.add(leaf)
      this.#cachedBytes -= leaf.sizeBytes
    }
    for (const [segment, leaves] of this.#segments) {
      const left = leaves.filter((leaf) => !gone.has(leaf))
      if (left.length === 0) this.#segments.delete(segment)
      else this.#segments.set(segment, left)
    }
  }

  /** Adds the writes of a changed leaf, and returns the leaves that replace it in memory. */
  #store(segment: number, leaf: LoadedLeaf, writes: LeafWrite[]): LoadedLeaf[] {
    const present = leaf.entries.filter(({ bytes }) => bytes !== null)
    const target = { store: this.name, segment }
    if (present.length === 0) {
      if (leaf.isStored) writes.push({ ...target, firstKey: leaf.low, bytes: null })
      // Its range now belongs to the leaf before it, which the next read finds.
      return []
    }
    const runs = leaf.sizeBytes <= LEAF_BYTES_MAX ? [present] : splitRuns(present)
    return runs.map((entries, index) => {
      const low = index === 0 ? leaf.low : (entries[0] as Entry).key
      const next = runs[index + 1]?.[0]
      writes.push({ ...target, firstKey: low, bytes: encodeLeaf(entries as StoredEntry[]) })
      return {
        low,
        high: next === undefined ? leaf.high : next.key,
        entries,
        isStored: true,
        isChanged: false,
        sizeBytes: runs.length === 1 ? leaf.sizeBytes : totalSize(entries),
        usedTurn: leaf.usedTurn,
      }
    })
  }

  // -- leaves ------------------------------------------------------------------------------------

  #valueOf(entry: Entry): V | undefined {
    if (entry.value === ENCODED) entry.value = this.#codec.decode(entry.bytes as Uint8Array)
    return entry.value as V | undefined
  }

  #set(segment: number, key: string, value: V | undefined): void {
    const { entry, leaf } = this.#entryFor(segment, key)
    if (entry.turn !== this.#turn) {
      entry.turn = this.#turn
      this.#touched.push({ entry, segment, leaf })
    }
    entry.value = value
  }

  #replaceBytes(leaf: LoadedLeaf, entry: Entry, bytes: Uint8Array | null): void {
    const growth = sizeOf(entry.key, bytes) - sizeOf(entry.key, entry.bytes)
    entry.bytes = bytes
    leaf.isChanged = true
    leaf.sizeBytes += growth
    this.#cachedBytes += growth
  }

  #placeOf(segment: number, key: string): Place {
    const last = this.#place
    if (last !== undefined && last.key === key && last.segment === segment) return last
    const leaf = this.#leafOf(segment, key)
    const place = { segment, key, leaf, index: indexOf(leaf.entries, key) }
    this.#place = place
    return place
  }

  /** Returns the entry of a key, which is added if there is none. */
  #entryFor(segment: number, key: string): Pick<Touched, 'entry' | 'leaf'> {
    const { leaf, index } = this.#placeOf(segment, key)
    const found = leaf.entries[index]
    if (found?.key === key) return { entry: found, leaf }
    const entry: Entry = { key, bytes: null, value: undefined, turn: 0 }
    leaf.entries.splice(index, 0, entry)
    if (leaf.entries.length <= LEAF_ENTRIES_MAX) return { entry, leaf }
    this.#split(segment, leaf)
    return { entry, leaf: this.#leafOf(segment, key) }
  }

  /** Splits a loaded leaf. Both halves are stored by the next checkpoint. */
  #split(segment: number, leaf: LoadedLeaf): void {
    this.#place = undefined
    const leaves = this.#segments.get(segment) as LoadedLeaf[]
    const upper = leaf.entries.splice(leaf.entries.length >> 1)
    const low = (upper[0] as Entry).key
    const sizeBytes = totalSize(upper)
    leaf.sizeBytes -= sizeBytes
    const { high, usedTurn } = leaf
    leaf.high = low
    leaf.isChanged = true
    const state = { isStored: false, isChanged: true, sizeBytes, usedTurn }
    const half: LoadedLeaf = { low, high, entries: upper, ...state }
    leaves.splice(leaves.indexOf(leaf) + 1, 0, half)
    for (const touched of this.#touched) {
      if (touched.leaf === leaf && touched.entry.key >= low) touched.leaf = half
    }
  }

  /** Returns the leaf whose range has the key; loads it if needed. */
  #leafOf(segment: number, key: string): LoadedLeaf {
    let leaves = this.#segments.get(segment)
    if (leaves === undefined) {
      leaves = []
      this.#segments.set(segment, leaves)
    }
    const index = floorOf(leaves, key)
    const leaf = leaves[index]
    if (covers(leaf, key)) {
      leaf.usedTurn = this.#turn
      return leaf
    }
    return this.#load(segment, leaves, index, key)
  }

  #load(segment: number, leaves: LoadedLeaf[], index: number, key: string): LoadedLeaf {
    const found = this.#source.find(this.name, segment, key)
    const low = found.leaf?.firstKey ?? ''
    const before = leaves[index]
    const nextLoaded = leaves[index + 1]?.low ?? null
    const high = lower(found.nextFirstKey, nextLoaded)
    // The range of a loaded leaf grows when the leaf behind it was deleted.
    if (before !== undefined && before.low >= low) {
      const grownFrom = before.high as string
      before.high = high
      before.usedTurn = this.#turn
      return this.#withUnapplied(segment, before, grownFrom, key)
    }
    const stored = found.leaf === undefined ? [] : decodeLeaf(found.leaf.bytes)
    const entries = stored.map(
      ({ key: name, bytes }): Entry => ({ key: name, bytes, value: ENCODED, turn: 0 }),
    )
    const sizeBytes = totalSize(entries)
    this.#cachedBytes += sizeBytes
    const leaf = {
      ...{ low, high, entries, sizeBytes },
      isStored: found.leaf !== undefined,
      isChanged: false,
      usedTurn: this.#turn,
    }
    leaves.splice(index + 1, 0, leaf)
    return this.#withUnapplied(segment, leaf, low, key)
  }

  /** Applies the changes of a loaded range, and returns the leaf of the key: the leaf may have been split by them. */
  #withUnapplied(segment: number, leaf: LoadedLeaf, from: string, key: string): LoadedLeaf {
    const changes = this.#unapplied.get(segment)?.take(from, leaf.high) ?? []
    if (changes.length === 0) return leaf
    for (const [name, bytes] of changes) this.#applyLoaded(segment, name, bytes)
    return this.#leafOf(segment, key)
  }

  #applyLoaded(segment: number, key: string, bytes: Uint8Array | null): void {
    const { entry, leaf } = this.#entryFor(segment, key)
    entry.value = bytes === null ? undefined : ENCODED
    this.#replaceBytes(leaf, entry, bytes)
  }

  #applyAll(): void {
    for (const [segment, changes] of this.#unapplied) {
      if (segment >= this.#committedDrop) {
        for (let key = changes.first(); key !== undefined; key = changes.first()) {
          this.#leafOf(segment, key)
        }
      }
      this.#unapplied.delete(segment)
    }
  }
}

/** Returns whether a loaded leaf that begins at or before a key has it in its range. */
function covers(leaf: LoadedLeaf | undefined, key: string): leaf is LoadedLeaf {
  return leaf !== undefined && (leaf.high === null || key < leaf.high)
}

function lower(a: string | null, b: string | null): string | null {
  if (a === null) return b
  return b === null || a < b ? a : b
}

function checkSize(store: string, key: string, bytes: Uint8Array | null): void {
  const sizeBytes = sizeOf(key, bytes)
  if (sizeBytes <= ENTRY_BYTES_MAX) return
  throw new EdgelogError(
    'message_too_large',
    `store ${store}: a key with its value may have ${ENTRY_BYTES_MAX} bytes, got ${sizeBytes}`,
  )
}

function tooManyChanges(store: string): EdgelogError {
  const why = `store ${store}: the changes of one turn are over ${TURN_BYTES_MAX} bytes`
  return new EdgelogError('message_too_large', why)
}
