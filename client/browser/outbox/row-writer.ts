/** Assigns partitions and positions to records, within one transaction. */
import { BatchBuilder } from '../../../src/core/batch/batch-builder.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { BATCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { FIRST_POSITION_MAX, OUTBOX_ROW_BYTES_MAX } from '../limits.ts'
import type { Transaction } from '../store/database.ts'
import {
  type OutboxPosition,
  type ProducerRow,
  type TopicRow,
  UNASSIGNED_PARTITION,
} from '../store/schema.ts'

export interface NewEntry {
  readonly topic: string
  readonly record: NewRecord
  /** Chosen by the key by default. */
  readonly partition: number | undefined
}

interface RowWriterContext {
  readonly newProducerId: () => bigint
  readonly random: () => number
  readonly now: () => number
}

/** Appends records to their partitions; those of one partition share rows. */
export class RowWriter {
  readonly #tx: Transaction
  readonly #context: RowWriterContext
  readonly #topics = new Map<string, TopicRow | undefined>()
  readonly #open = new Map<string, OpenRow>()
  /** Rows being written: records do not wait for each other's rows. */
  readonly #puts: Promise<unknown>[] = []
  /** Records without a key that are queued together go to one partition. */
  readonly #sticky = new Map<string, number>()

  constructor(tx: Transaction, context: RowWriterContext) {
    this.#tx = tx
    this.#context = context
  }

  async add({
    topic,
    record,
    partition: chosen,
  }: NewEntry): Promise<OutboxPosition | EdgelogError> {
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
      this.#close(open)
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

  /** All requests are made when it returns; they have succeeded when it resolves. */
  async finish(): Promise<void> {
    for (const open of this.#open.values()) {
      this.#close(open)
      this.#await(this.#tx.objectStore('producers').put(open.producer))
    }
    await Promise.all(this.#puts)
  }

  #await(put: Promise<unknown>): void {
    // A failed request aborts the transaction, which reports the error.
    put.catch(() => undefined)
    this.#puts.push(put)
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
      const producer = known ?? newProducer(topic, partition, this.#context)
      open = { producer, builder: new BatchBuilder(1024) }
      this.#open.set(key, open)
    }
    return open
  }

  #close(open: OpenRow): void {
    const { producer, builder } = open
    const { recordsCount } = builder
    if (recordsCount === 0) return
    const { topic, partition, nextPosition, pendingBytes } = producer
    const batch = builder.finish()
    open.producer = { ...producer, pendingBytes: pendingBytes + batch.length }
    this.#await(
      this.#tx.objectStore('outbox').put({
        topic,
        partition,
        position: nextPosition - recordsCount,
        recordsCount,
        batch,
        queuedAtMs: this.#context.now(),
      }),
    )
  }
}

interface OpenRow {
  producer: ProducerRow
  readonly builder: BatchBuilder
}

function newProducer(
  topic: string,
  partition: number,
  { newProducerId, random }: RowWriterContext,
): ProducerRow {
  const position = Math.floor(random() * FIRST_POSITION_MAX)
  return {
    topic,
    partition,
    producerId: newProducerId(),
    epoch: 0,
    epochStart: position,
    firstPosition: position,
    nextPosition: position,
    pendingBytes: 0,
    ackedEndOffset: 0,
    acks: [],
    moves: [],
  }
}
