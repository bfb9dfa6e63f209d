/**
 * Writes the tables of compacted topics to the database. Each method is one transaction, which any tab may run
 * at any time. A tab's earlier reads may be stale, so each transaction reads the state again: rows and the
 * position up to which they are complete change together, and a range that was stored before changes nothing.
 *
 * A table is rebuilt as a further copy beside the one that readers see, which is replaced in one transaction.
 */
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { TABLE_FULL_MS, TABLES_BYTES_MAX } from '../limits.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import type { CopyKey, TableCopy, TablePartition, TableState } from '../store/schema.ts'
import { measure, removeBelow, rowOf, rowsOf, rowsOfTopic, sizeOf } from './table-rows.ts'
import { planSpace } from './table-space.ts'

/** The topic of a table, as the server describes it. */
export interface TableTopic {
  readonly topic: string
  readonly id: string
  readonly partitions: number
}

export interface TablePlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** All records of the log in [from, to). */
export interface TableArrival {
  readonly from: number
  readonly to: number
  readonly logStartOffset: number
  readonly records: readonly LogRecord[]
}

interface Appended {
  /** `gap`: the table does not continue with this range. `full`: the table was too large, and is deleted. */
  readonly outcome: 'stored' | 'gap' | 'full'
  /** Topics whose unused tables were deleted for this one. */
  readonly dropped: readonly string[]
}

/** The log as it was before any of it was read. */
export interface BuildStart {
  readonly logStartOffset: number
  readonly lastStableOffset: number
  readonly goneBelow: number
}

const STORES: Store[] = ['tables', 'tableRows']
const EMPTY: TablePartition = { shown: null, build: null, goneBelow: 0, checkedOffset: 0 }

/** Returns the copy that follows the log. */
export function copyInWork({ build, shown }: TablePartition): TableCopy | null {
  return build ?? shown
}

export class TableWriter {
  readonly #database: Database
  readonly #bytesMax: number

  /** @param bytesMax size of all tables */
  constructor(database: Database, bytesMax = TABLES_BYTES_MAX) {
    this.#database = database
    this.#bytesMax = bytesMax
  }

  async states(): Promise<TableState[]> {
    return await this.#database.read(['tables'], (tx) => tx.objectStore('tables').getAll())
  }

  /**
   * Keeps a table from now on. A table of another topic of this name is dropped first. A table that was full is begun
   * again by a use a day later.
   *
   * @param usedAtMs undefined: unchanged, and no table that is not there is begun
   * @returns whether there is something to follow that was not there
   */
  async keep({ topic, id: topicId, partitions }: TableTopic, usedAtMs?: number): Promise<boolean> {
    return await this.#database.write(STORES, async (tx) => {
      const tables = tx.objectStore('tables')
      const known = await tables.get(topic)
      const atMs = usedAtMs ?? known?.usedAtMs
      if (atMs === undefined) return false
      const isSame = known?.topicId === topicId
      if (known !== undefined && !isSame)
        await tx.objectStore('tableRows').delete(rowsOfTopic(known.topicId))
      const own = isSame ? known.partitions : []
      const added = Array.from({ length: Math.max(0, partitions - own.length) }, () => EMPTY)
      if (isSame && added.length === 0 && usedAtMs === undefined) return false
      const state = { topic, topicId, usedAtMs: atMs, partitions: [...own, ...added] }
      const fullAtMs = isSame ? known.fullAtMs : undefined
      const isFull =
        fullAtMs !== undefined && (usedAtMs === undefined || isFullAt(fullAtMs, usedAtMs))
      await tables.put(isFull ? { ...state, fullAtMs } : state)
      return isFull ? false : added.length > 0 || fullAtMs !== undefined
    })
  }

  /** Drops a table. Returns whether there was one. */
  async drop(topic: string): Promise<boolean> {
    return await this.#database.write(STORES, async (tx) => {
      return await dropTable(tx, topic)
    })
  }

  /** Begins a new copy at the log start, in place of one that is not complete. */
  async begin(place: TablePlace, start: BuildStart): Promise<void> {
    const { logStartOffset: position, lastStableOffset: endOffset, goneBelow } = start
    await this.#change(place, undefined, async (tx, { shown, build }) => {
      if (build !== null) await dropCopy(tx, place, build)
      const generation = Math.max(shown?.generation ?? 0, build?.generation ?? 0) + 1
      const begun = { generation, position, removals: 0, sizeBytes: 0, endOffset }
      const partition = { shown, build: begun, goneBelow, checkedOffset: position }
      return [await complete(tx, place, partition), undefined]
    })
  }

  /**
   * Compares the position with what the log reported afterwards, and removes the rows that the log start has passed.
   *
   * @param copy the copy in work before the log was asked
   * @returns false if tombstones may have been missed: the table has to be built again
   */
  async check(
    place: TablePlace,
    copy: TableCopy,
    { goneBelow, logStartOffset }: Omit<BuildStart, 'lastStableOffset'>,
  ): Promise<boolean> {
    return await this.#change(place, true, async (tx, partition) => {
      const known = copyInWork(partition)
      if (known === null || known.generation !== copy.generation) return [partition, true]
      const isComplete = goneBelow <= Math.max(partition.checkedOffset, partition.goneBelow)
      if (!isComplete) return [partition, false]
      const { topicId, partition: index } = place
      const key: CopyKey = [topicId, index, known.generation]
      const knownBytes = known.sizeBytes ?? (await measure(tx, key))
      const removed = await removeBelow(tx, key, logStartOffset)
      const removals = known.removals + removed.count
      const sizeBytes = knownBytes - removed.sizeBytes
      const checkedOffset = Math.max(partition.checkedOffset, copy.position)
      return [{ ...withCopy(partition, { ...known, removals, sizeBytes }), checkedOffset }, true]
    })
  }

  /** Stores a range of the log, and deletes tables if they are too large then. */
  async append(place: TablePlace, arrival: TableArrival, nowMs: number): Promise<Appended> {
    return await this.#database.write(STORES, async (tx) => {
      const work = async (
        partition: TablePartition,
      ): Promise<[TablePartition, 'stored' | 'gap']> => {
        const copy = copyInWork(partition)
        if (copy === null || arrival.from > copy.position) return [partition, 'gap']
        if (arrival.to <= copy.position) return [partition, 'stored']
        const changed = await writeRecords(tx, place, copy, arrival)
        return [await complete(tx, place, withCopy(partition, changed)), 'stored']
      }
      const outcome = await changePartition<'stored' | 'gap'>(tx, place, 'gap', work)
      if (outcome === 'gap') return { outcome, dropped: [] }
      return await limitSpace(tx, place, nowMs, this.#bytesMax)
    })
  }

  async #change<T>(
    place: TablePlace,
    missing: T,
    work: (tx: Transaction, known: TablePartition) => Promise<[changed: TablePartition, result: T]>,
  ): Promise<T> {
    return await this.#database.write(STORES, (tx) =>
      changePartition(tx, place, missing, (known) => work(tx, known)),
    )
  }
}

/** Returns whether a table that was full is not copied again yet; a clock that was set back counts as later. */
export function isFullAt(fullAtMs: number, nowMs: number): boolean {
  return nowMs >= fullAtMs && nowMs - fullAtMs < TABLE_FULL_MS
}

/** Changes one partition; `missing` is the result if the table was dropped or is of another topic. */
async function changePartition<T>(
  tx: Transaction,
  { topic, topicId, partition }: TablePlace,
  missing: T,
  work: (known: TablePartition) => Promise<[changed: TablePartition, result: T]>,
): Promise<T> {
  const state = await tx.objectStore('tables').get(topic)
  const known = state?.topicId === topicId ? state.partitions[partition] : undefined
  if (state === undefined || known === undefined) return missing
  const [changed, result] = await work(known)
  if (changed === known) return result
  const partitions = state.partitions.map((kept, index) => (index === partition ? changed : kept))
  await tx.objectStore('tables').put({ ...state, partitions })
  return result
}

async function limitSpace(
  tx: Transaction,
  { topic, topicId }: TablePlace,
  nowMs: number,
  bytesMax: number,
): Promise<Appended> {
  const tables = tx.objectStore('tables')
  const states = await tables.getAll()
  const { dropped, isFull } = planSpace(states, topic, nowMs, bytesMax)
  for (const other of dropped) await dropTable(tx, other)
  const own = states.find((state) => state.topic === topic)
  if (!isFull || own === undefined) return { outcome: 'stored', dropped }
  await tx.objectStore('tableRows').delete(rowsOfTopic(topicId))
  await tables.put({ ...own, partitions: own.partitions.map(() => EMPTY), fullAtMs: nowMs })
  return { outcome: 'full', dropped }
}

/** Returns whether there was a table. */
async function dropTable(tx: Transaction, topic: string): Promise<boolean> {
  const known = await tx.objectStore('tables').get(topic)
  if (known === undefined) return false
  await tx.objectStore('tables').delete(topic)
  await tx.objectStore('tableRows').delete(rowsOfTopic(known.topicId))
  return true
}

/** Returns the partition with another state of the copy in work. */
function withCopy(partition: TablePartition, copy: TableCopy): TablePartition {
  const { build } = partition
  return build === null
    ? { ...partition, shown: copy }
    : { ...partition, build: { ...build, ...copy } }
}

/** Shows the new copy instead of the former one, if it has reached the end. */
async function complete(
  tx: Transaction,
  place: TablePlace,
  changed: TablePartition,
): Promise<TablePartition> {
  const { build, shown } = changed
  if (build === null || build.position < build.endOffset) return changed
  if (shown !== null) await dropCopy(tx, place, shown)
  const { endOffset: _reached, ...copy } = build
  return { ...changed, shown: copy, build: null }
}

async function dropCopy(
  tx: Transaction,
  { topicId, partition }: TablePlace,
  { generation }: TableCopy,
): Promise<void> {
  await tx.objectStore('tableRows').delete(rowsOf([topicId, partition, generation]))
}

async function writeRecords(
  tx: Transaction,
  { topicId, partition }: TablePlace,
  { generation, position, removals, sizeBytes: knownBytes }: TableCopy,
  { to, logStartOffset, records }: TableArrival,
): Promise<TableCopy> {
  const store = tx.objectStore('tableRows')
  const copy: CopyKey = [topicId, partition, generation]
  let sizeBytes = knownBytes ?? (await measure(tx, copy))
  const work: Promise<unknown>[] = []
  let removed = 0
  for (const { offset, timestamp, key: bytes, value, headers } of records) {
    // A compacted topic refuses records without a key; older ones stay from before it was compacted.
    if (offset < position || bytes === null) continue
    // Copies, because a view would store its whole buffer.
    const key = bytes.slice()
    // The requests of a transaction are done in their order, so this is the row before the change.
    const replaced = store.get(rowOf(copy, key)).then((row) => {
      if (row !== undefined) sizeBytes -= sizeOf(row)
    })
    work.push(replaced)
    if (value === null) {
      removed += 1
      work.push(store.delete(rowOf(copy, key)))
    } else {
      const own = headers.map((header) => ({ ...header, value: header.value?.slice() ?? null }))
      const row = { copy, key, offset, timestamp, value: value.slice(), headers: own }
      sizeBytes += sizeOf(row)
      work.push(store.put(row))
    }
  }
  await Promise.all(work)
  const passed = await removeBelow(tx, copy, logStartOffset)
  sizeBytes -= passed.sizeBytes
  return { generation, position: to, removals: removals + removed + passed.count, sizeBytes }
}
