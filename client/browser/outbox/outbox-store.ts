/**
 * The outbox in the database: each function is one transaction, which any tab may run at any time.
 * What a tab knew before it began may be out of date, so each looks again.
 */
import { BatchBuilder } from '../../../src/core/batch/batch-builder.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError, type ErrorBody } from '../../../src/core/errors.ts'
import { BATCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { addToSequence } from '../../../src/core/log/producer-state.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { ACKS_KEPT, OUTBOX_ROW_BYTES_MAX, SEND_BYTES_MAX } from '../limits.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import {
  type Ack,
  type OutboxRow,
  type ParkedRow,
  type ProducerRow,
  type TopicRow,
  UNASSIGNED_PARTITION,
} from '../store/schema.ts'
import { batchOf, recordsOf, rowAfter } from './row-batches.ts'

const EPOCH_MAX = 0x7fff
const ROWS_READ = 64

export interface NewEntry {
  readonly topic: string
  readonly record: NewRecord
  /** Chosen by the key if it is left out. */
  readonly partition: number | undefined
}

export interface Place {
  readonly partition: number
  readonly position: number
}

/** A record that got its partition: where it was, and where it is. */
export interface Move extends Place {
  readonly from: Place
}

/** The oldest records of a partition. */
export interface PendingBatch {
  readonly producer: ProducerRow
  readonly rows: readonly OutboxRow[]
}

export interface OutboxContext {
  readonly database: Database
  readonly newProducerId: () => bigint
  readonly random: () => number
  readonly now: () => number
}

/** What the epoch makes of a position. */
export function sequenceAt({ epochStart }: ProducerRow, position: number): number {
  return addToSequence(0, position - epochStart)
}

export function pendingOf({ firstPosition, nextPosition }: ProducerRow): number {
  return nextPosition - firstPosition
}

export class OutboxStore {
  readonly #context: OutboxContext

  constructor(context: OutboxContext) {
    this.#context = context
  }

  /**
   * Stores records in the order given, each at the end of its partition; durable when it resolves.
   * A record that can never be sent gets an error in its place, and the others are stored.
   *
   * @throws {EdgelogError} `storage_full`, `storage_failed`: nothing is stored then.
   */
  async enqueue(entries: readonly NewEntry[]): Promise<Array<Place | EdgelogError>> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      const writer = new RowWriter(tx, this.#context)
      const places: Array<Place | EdgelogError> = []
      for (const entry of entries) places.push(await writer.add(entry))
      await writer.finish()
      return places
    }
    return await this.#context.database.write(stores, work, true)
  }

  /** What is known of a topic, for tabs that have not asked the server. */
  async topic(topic: string): Promise<TopicRow | undefined> {
    return await this.#context.database.read(['topics'], (tx) =>
      tx.objectStore('topics').get(topic),
    )
  }

  /**
   * Takes what the server says of a topic; records that wait for a partition get one, and so do those
   * of partitions that are no longer there.
   */
  async learn(topic: TopicRow): Promise<Move[]> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      await tx.objectStore('topics').put(topic)
      const writer = new RowWriter(tx, this.#context)
      const moves: Move[] = []
      const partitions = IDBKeyRange.bound([topic.topic], [topic.topic, []])
      for (const producer of await tx.objectStore('producers').getAll(partitions)) {
        const { partition } = producer
        if (partition >= 0 && partition < topic.partitions) continue
        const range = rowsOf(topic.topic, partition)
        for (const row of await tx.objectStore('outbox').getAll(range)) {
          for (const [index, record] of (await recordsOf(row.batch)).entries()) {
            const entry = { topic: topic.topic, record, partition: undefined }
            const place = await writer.add(entry)
            const from = { partition, position: row.position + index }
            if (!(place instanceof EdgelogError)) moves.push({ from, ...place })
          }
        }
        await tx.objectStore('outbox').delete(range)
        const empty = { firstPosition: producer.nextPosition, pendingBytes: 0 }
        await tx.objectStore('producers').put({ ...producer, ...empty })
      }
      await writer.finish()
      return moves
    }
    return await this.#context.database.write(stores, work, true)
  }

  /** All partitions that were ever written to. */
  async producers(): Promise<ProducerRow[]> {
    return await this.#context.database.read(['producers'], (tx) =>
      tx.objectStore('producers').getAll(),
    )
  }

  /** The oldest records of a partition, as many as one request takes; undefined: none wait. */
  async oldest(topic: string, partition: number): Promise<PendingBatch | undefined> {
    return await this.#context.database.read(['topics', 'producers', 'outbox'], async (tx) => {
      const producer = await tx.objectStore('producers').get([topic, partition])
      if (producer === undefined || pendingOf(producer) === 0) return undefined
      const known = await tx.objectStore('topics').get(topic)
      const sizeBytesMax = Math.min(SEND_BYTES_MAX, known?.maxMessageBytes ?? SEND_BYTES_MAX)
      const rows: OutboxRow[] = []
      let sizeBytes = 0
      for (let from = producer.firstPosition; ; ) {
        const more = await tx
          .objectStore('outbox')
          .getAll(IDBKeyRange.bound([topic, partition, from], [topic, partition, []]), ROWS_READ)
        for (const row of more) {
          sizeBytes += row.batch.length
          if (rows.length > 0 && sizeBytes > sizeBytesMax) return { producer, rows }
          rows.push(row)
          from = row.position + row.recordsCount
        }
        if (more.length < ROWS_READ) return { producer, rows }
      }
    })
  }

  /** The log has these records: they leave the outbox. Late or repeated news does no harm. */
  async ack(topic: string, partition: number, acks: readonly Ack[]): Promise<void> {
    const last = acks.at(-1)
    if (last === undefined) return
    const end = last.position + last.recordsCount
    await this.#change(topic, partition, async (tx, producer) => {
      if (end <= producer.firstPosition) return producer
      await removeBefore(tx, producer, end)
      const endOffsets = acks.map(({ baseOffset, recordsCount }) => baseOffset + recordsCount)
      return {
        ...advanced(producer, end),
        ackedEndOffset: Math.max(producer.ackedEndOffset, ...endOffsets),
        acks: [...producer.acks, ...acks].slice(-ACKS_KEPT),
      }
    })
  }

  /**
   * Numbers all that waits anew, from 0 under the next epoch, or under a new id if this one is in use
   * elsewhere. Only if nobody did so since `seen` was read.
   */
  async renumber(seen: ProducerRow, isNewId: boolean): Promise<void> {
    const change = async (_: Transaction, producer: ProducerRow) => {
      const isCurrent = producer.producerId === seen.producerId && producer.epoch === seen.epoch
      return isCurrent ? this.#nextEpoch(producer, isNewId) : producer
    }
    await this.#change(seen.topic, seen.partition, change, true)
  }

  /** Sets the oldest record of a partition aside, so that those behind it can go on. */
  async park(seen: ProducerRow, error: ErrorBody): Promise<void> {
    const { topic, partition, firstPosition } = seen
    const change = async (tx: Transaction, producer: ProducerRow) => {
      if (producer.firstPosition !== firstPosition || pendingOf(producer) === 0) return producer
      await this.#parkFirst(tx, producer, error)
      return this.#nextEpoch(advanced(producer, firstPosition + 1), false)
    }
    await this.#change(topic, partition, change, true)
  }

  /** Sets all of a topic aside: it is gone. Returns how many. */
  async parkTopic(topic: string, error: ErrorBody): Promise<number> {
    const stores: Store[] = ['topics', 'producers', 'outbox', 'parked']
    return await this.#context.database.write(stores, async (tx) => {
      let parked = 0
      await tx.objectStore('topics').delete(topic)
      const all = IDBKeyRange.bound([topic], [topic, []])
      for (const row of await tx.objectStore('outbox').getAll(all)) {
        for (const [index, record] of (await recordsOf(row.batch)).entries()) {
          await this.#putParked(tx, { ...row, position: row.position + index }, record, error)
          parked += 1
        }
      }
      await tx.objectStore('outbox').delete(all)
      // Whatever bears this name next has another log.
      await tx.objectStore('producers').delete(all)
      return parked
    })
  }

  async parked(): Promise<ParkedRow[]> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').getAll())
  }

  async countParked(): Promise<number> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').count())
  }

  /** Takes parked records out, all or one, and queues them anew if they are to be tried again. */
  async unpark(id: number | undefined, isRetried: boolean): Promise<number> {
    const stores: Store[] = ['topics', 'producers', 'outbox', 'parked']
    const work = async (tx: Transaction) => {
      const parked = tx.objectStore('parked')
      const rows = id === undefined ? await parked.getAll() : [await parked.get(id)]
      const writer = new RowWriter(tx, this.#context)
      let count = 0
      for (const row of rows) {
        if (row?.id === undefined) continue
        count += 1
        await parked.delete(row.id)
        if (!isRetried) continue
        for (const record of await recordsOf(row.batch)) {
          const { topic, partition } = row
          const place = await writer.add({
            topic,
            record,
            partition: partition === UNASSIGNED_PARTITION ? undefined : partition,
          })
          if (place instanceof EdgelogError) throw place
        }
      }
      await writer.finish()
      return count
    }
    return await this.#context.database.write(stores, work, true)
  }

  async pending(topic: string | undefined): Promise<OutboxRow[]> {
    const range = topic === undefined ? undefined : IDBKeyRange.bound([topic], [topic, []])
    return await this.#context.database.read(['outbox'], (tx) =>
      tx.objectStore('outbox').getAll(range),
    )
  }

  /** When the oldest record of these partitions was queued; undefined: none waits. */
  async oldestQueuedAtMs(producers: readonly ProducerRow[]): Promise<number | undefined> {
    return await this.#context.database.read(['outbox'], async (tx) => {
      let oldestMs: number | undefined
      for (const { topic, partition, firstPosition } of producers) {
        const row = await tx.objectStore('outbox').get([topic, partition, firstPosition])
        if (row !== undefined) oldestMs = Math.min(oldestMs ?? row.queuedAtMs, row.queuedAtMs)
      }
      return oldestMs
    })
  }

  async #change(
    topic: string,
    partition: number,
    change: (tx: Transaction, producer: ProducerRow) => Promise<ProducerRow>,
    isNewEpoch = false,
  ): Promise<void> {
    const stores: Store[] = ['producers', 'outbox', 'parked']
    const work = async (tx: Transaction) => {
      const producer = await tx.objectStore('producers').get([topic, partition])
      if (producer === undefined) return
      const changed = await change(tx, producer)
      if (changed !== producer) await tx.objectStore('producers').put(changed)
    }
    // A record that was acknowledged may be sent again; one epoch must never number others again.
    await this.#context.database.write(stores, work, isNewEpoch)
  }

  async #parkFirst(tx: Transaction, producer: ProducerRow, error: ErrorBody): Promise<void> {
    const { topic, partition, firstPosition } = producer
    const row = await tx.objectStore('outbox').get([topic, partition, firstPosition])
    if (row === undefined) return
    const [record] = await recordsOf(row.batch)
    if (record !== undefined) await this.#putParked(tx, row, record, error)
    await removeBefore(tx, producer, firstPosition + 1)
  }

  async #putParked(
    tx: Transaction,
    { topic, partition, position }: OutboxRow,
    record: NewRecord,
    error: ErrorBody,
  ): Promise<void> {
    const parkedAtMs = this.#context.now()
    const batch = batchOf([record])
    await tx.objectStore('parked').add({ topic, partition, position, batch, error, parkedAtMs })
  }

  #nextEpoch(producer: ProducerRow, isNewId: boolean): ProducerRow {
    const epochStart = producer.firstPosition
    return isNewId || producer.epoch === EPOCH_MAX
      ? { ...producer, epochStart, producerId: this.#context.newProducerId(), epoch: 0 }
      : { ...producer, epochStart, epoch: producer.epoch + 1 }
  }
}

/** Adds records to the ends of their partitions, those of one partition together. */
class RowWriter {
  readonly #tx: Transaction
  readonly #context: OutboxContext
  readonly #topics = new Map<string, TopicRow | undefined>()
  readonly #open = new Map<string, OpenRow>()
  /** Records without a key that are queued together go to one partition. */
  readonly #sticky = new Map<string, number>()

  constructor(tx: Transaction, context: OutboxContext) {
    this.#tx = tx
    this.#context = context
  }

  async add({ topic, record, partition: chosen }: NewEntry): Promise<Place | EdgelogError> {
    const known = await this.#topic(topic)
    if (chosen !== undefined && known !== undefined && chosen >= known.partitions) {
      const why = `partition: 0 to ${known.partitions - 1} is allowed, got ${chosen}`
      return new EdgelogError('unknown_topic_or_partition', why)
    }
    const partition = this.#choose(known, record, topic, chosen)
    const open = await this.#row(topic, partition)
    const { builder } = open
    const sizeBytes = BatchBuilder.recordSizeBytesMax(record)
    const sizeBytesMax = Math.min(OUTBOX_ROW_BYTES_MAX, known?.maxMessageBytes ?? BATCH_BYTES_MAX)
    if (builder.recordsCount > 0 && builder.sizeBytes + sizeBytes > sizeBytesMax) {
      await this.#close(open)
    }
    try {
      builder.append(record)
    } catch (error) {
      if (error instanceof EdgelogError) return error
      throw error
    }
    const position = open.producer.nextPosition
    open.producer = { ...open.producer, nextPosition: position + 1 }
    return { partition, position }
  }

  async finish(): Promise<void> {
    for (const open of this.#open.values()) {
      await this.#close(open)
      await this.#tx.objectStore('producers').put(open.producer)
    }
  }

  async #topic(topic: string): Promise<TopicRow | undefined> {
    if (!this.#topics.has(topic)) {
      this.#topics.set(topic, await this.#tx.objectStore('topics').get(topic))
    }
    return this.#topics.get(topic)
  }

  #choose(
    known: TopicRow | undefined,
    { key }: NewRecord,
    topic: string,
    chosen: number | undefined,
  ): number {
    if (chosen !== undefined) return chosen
    if (known === undefined) return UNASSIGNED_PARTITION
    if (key !== null) return partitionForKey(key, known.partitions)
    const sticky = this.#sticky.get(topic) ?? Math.floor(this.#context.random() * known.partitions)
    this.#sticky.set(topic, sticky)
    return sticky
  }

  async #row(topic: string, partition: number): Promise<OpenRow> {
    const key = `${partition}/${topic}`
    let open = this.#open.get(key)
    if (open === undefined) {
      const known = await this.#tx.objectStore('producers').get([topic, partition])
      const producer = known ?? newProducer(topic, partition, this.#context.newProducerId())
      open = { producer, builder: new BatchBuilder(1024) }
      this.#open.set(key, open)
    }
    return open
  }

  async #close(open: OpenRow): Promise<void> {
    const { producer, builder } = open
    const { recordsCount } = builder
    if (recordsCount === 0) return
    const { topic, partition, nextPosition, pendingBytes } = producer
    const batch = builder.finish()
    open.producer = { ...producer, pendingBytes: pendingBytes + batch.length }
    await this.#tx.objectStore('outbox').put({
      topic,
      partition,
      position: nextPosition - recordsCount,
      recordsCount,
      batch,
      queuedAtMs: this.#context.now(),
    })
  }
}

interface OpenRow {
  producer: ProducerRow
  readonly builder: BatchBuilder
}

function newProducer(topic: string, partition: number, producerId: bigint): ProducerRow {
  return {
    topic,
    partition,
    producerId,
    epoch: 0,
    epochStart: 0,
    firstPosition: 0,
    nextPosition: 0,
    pendingBytes: 0,
    ackedEndOffset: 0,
    acks: [],
  }
}

function rowsOf(topic: string, partition: number): IDBKeyRange {
  return IDBKeyRange.bound([topic, partition], [topic, partition, []])
}

/** Deletes the records before `end`, and keeps the rest of the row that it falls into. */
async function removeBefore(
  tx: Transaction,
  { topic, partition }: ProducerRow,
  end: number,
): Promise<void> {
  const outbox = tx.objectStore('outbox')
  const range = IDBKeyRange.bound([topic, partition], [topic, partition, end], false, true)
  const lastKey = (await outbox.getAllKeys(range)).at(-1)
  const last = lastKey === undefined ? undefined : await outbox.get(lastKey)
  await outbox.delete(range)
  const rest = last === undefined ? undefined : await rowAfter(last, end - last.position)
  if (rest !== undefined) await outbox.put(rest)
}

function advanced(producer: ProducerRow, firstPosition: number): ProducerRow {
  const pending = pendingOf(producer)
  const left = producer.nextPosition - firstPosition
  const pendingBytes = pending === 0 ? 0 : Math.round((producer.pendingBytes * left) / pending)
  return { ...producer, firstPosition, pendingBytes }
}
