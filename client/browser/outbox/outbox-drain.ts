/**
 * Removes records from the outbox. Each function is one transaction, which any tab may run at
 * any time. A tab's earlier reads may be stale, so each transaction reads the state again.
 */
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError, type ErrorBody } from '../../../src/core/errors.ts'
import { addToSequence } from '../../../src/core/log/producer-state.ts'
import { ACKS_KEPT, MOVES_KEPT } from '../limits.ts'
import type { Store, Transaction } from '../store/database.ts'
import type { Ack, Move, OutboxRow, ProducerRow, TopicRow } from '../store/schema.ts'
import { type OutboxContext, pendingOf } from './outbox-store.ts'
import { batchOf, recordsOf, rowAfter } from './row-batches.ts'
import { RowWriter } from './row-writer.ts'
import { TransactionAttempts } from './transaction-attempts.ts'

const EPOCH_MAX = 0x7fff
const ROWS_READ = 64

/** The oldest records of a partition. */
export interface PendingBatch {
  readonly producer: ProducerRow
  readonly rows: readonly OutboxRow[]
}

/** Returns the sequence of a position under the producer's epoch. */
export function sequenceAt({ epochStart }: ProducerRow, position: number): number {
  return addToSequence(0, position - epochStart)
}

export class OutboxDrain {
  readonly attempts: TransactionAttempts
  readonly #context: OutboxContext

  constructor(context: OutboxContext) {
    this.#context = context
    this.attempts = new TransactionAttempts(context)
  }

  /** Returns the stored metadata of a topic, for tabs that have not requested it. */
  async topic(topic: string): Promise<TopicRow | undefined> {
    return await this.#context.database.read(['topics'], (tx) =>
      tx.objectStore('topics').get(topic),
    )
  }

  /**
   * Stores the metadata of a topic. Records that wait for a partition
   * get one, and so do those of partitions that no longer exist.
   */
  async storeTopic(given: TopicRow): Promise<Move[]> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      const known = await tx.objectStore('topics').get(given.topic)
      // The number of partitions only grows, so a response with fewer is stale.
      const isOvertaken = known?.id === given.id && known.partitions > given.partitions
      const topic = isOvertaken ? known : given
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
        const own = moves.filter(({ from }) => from.partition === partition)
        const empty = {
          firstPosition: producer.nextPosition,
          pendingBytes: 0,
          moves: [...producer.moves, ...own].slice(-MOVES_KEPT),
        }
        await tx.objectStore('producers').put({ ...producer, ...empty })
      }
      await writer.finish()
      return moves
    }
    return await this.#context.database.write(stores, work, true)
  }

  /**
   * Returns the oldest records of a partition: rows of up to
   * `sendBytesMax` together, or one larger row; undefined if none wait.
   */
  async oldest(
    topic: string,
    partition: number,
    sendBytesMax: number,
  ): Promise<PendingBatch | undefined> {
    return await this.#context.database.read(['topics', 'producers', 'outbox'], async (tx) => {
      const [producer, known] = await Promise.all([
        tx.objectStore('producers').get([topic, partition]),
        tx.objectStore('topics').get(topic),
      ])
      if (producer === undefined || pendingOf(producer) === 0) return undefined
      const sizeBytesMax = Math.min(sendBytesMax, known?.maxMessageBytes ?? sendBytesMax)
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

  /** Removes records that the log has. Late or repeated acknowledgements are ignored. */
  async ack(topic: string, partition: number, acks: readonly Ack[]): Promise<void> {
    const last = acks.at(-1)
    if (last === undefined) return
    const end = last.position + last.recordsCount
    await this.#change(topic, partition, async (tx, producer) => {
      // Not about the waiting records: they are settled already, or the data was cleared meanwhile.
      if (end <= producer.firstPosition || end > producer.nextPosition) return producer
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
   * Renumbers all waiting records from 0 under the next epoch, or under a new id if this
   * one is in use elsewhere. Ignored if the epoch has changed since `seen` was read.
   */
  async renumber(seen: ProducerRow, isNewId: boolean): Promise<void> {
    const change = async (_: Transaction, producer: ProducerRow) => {
      const isCurrent = producer.producerId === seen.producerId && producer.epoch === seen.epoch
      return isCurrent ? this.#nextEpoch(producer, isNewId) : producer
    }
    await this.#change(seen.topic, seen.partition, change, true)
  }

  /** Parks the oldest record of a partition, so that the records behind it can be sent. */
  async park(seen: ProducerRow, error: ErrorBody): Promise<void> {
    const { topic, partition, firstPosition } = seen
    const change = async (tx: Transaction, producer: ProducerRow) => {
      if (producer.firstPosition !== firstPosition || pendingOf(producer) === 0) return producer
      await this.#parkFirst(tx, producer, error)
      return this.#nextEpoch(advanced(producer, firstPosition + 1), false)
    }
    await this.#change(topic, partition, change, true)
  }

  /** Parks an undecodable row as it is. */
  async parkDamaged(row: OutboxRow, error: ErrorBody): Promise<void> {
    const { topic, partition, position, recordsCount, batch } = row
    const change = async (tx: Transaction, producer: ProducerRow) => {
      if (producer.firstPosition !== position) return producer
      const parkedAtMs = this.#context.now()
      await tx.objectStore('parked').add({ topic, partition, position, batch, error, parkedAtMs })
      await tx.objectStore('outbox').delete([topic, partition, position])
      return this.#nextEpoch(advanced(producer, position + recordsCount), false)
    }
    await this.#change(topic, partition, change, true)
  }

  /** Parks all records of a topic that is gone. Returns their number. */
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
      for (const producer of await tx.objectStore('producers').getAll(all)) {
        const emptied = advanced(producer, producer.nextPosition)
        // The next topic with this name has another log.
        await tx
          .objectStore('producers')
          .put({ ...this.#nextEpoch(emptied, true), ackedEndOffset: 0 })
      }
      return parked
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
    // Strict for a new epoch only: it must never number other records after a crash. A lost acknowledgement
    // only causes a resend.
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

function rowsOf(topic: string, partition: number): IDBKeyRange {
  return IDBKeyRange.bound([topic, partition], [topic, partition, []])
}

/** Deletes the records before `end`, and keeps the rest of the row that contains it. */
async function removeBefore(
  tx: Transaction,
  { topic, partition }: ProducerRow,
  end: number,
): Promise<void> {
  const outbox = tx.objectStore('outbox')
  const range = IDBKeyRange.bound([topic, partition], [topic, partition, end], false, true)
  const [cursor] = await Promise.all([outbox.openCursor(range, 'prev'), outbox.delete(range)])
  const last = cursor?.value
  const rest = last === undefined ? undefined : await rowAfter(last, end - last.position)
  if (rest !== undefined) await outbox.put(rest)
}

function advanced(producer: ProducerRow, firstPosition: number): ProducerRow {
  const pending = pendingOf(producer)
  const left = producer.nextPosition - firstPosition
  const pendingBytes = pending === 0 ? 0 : Math.round((producer.pendingBytes * left) / pending)
  return { ...producer, firstPosition, pendingBytes }
}
