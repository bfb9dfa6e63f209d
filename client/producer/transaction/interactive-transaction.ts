/**
 * A transaction in several calls (docs/PROTOCOL.md, section 15.2): records are sent in batches while the transaction
 * is open, so only some megabytes of them are held.
 */
import { BatchBuilder } from '../../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../../src/core/batch/compress-batch.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import type { Codecs } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { COMMIT_OFFSETS_MAX } from '../../../src/core/limits.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import type { ProducerIdAndEpoch } from '../../../src/core/transaction/participant-api.ts'
import type { Connection } from '../../http/connection.ts'
import { retryTransient } from '../../http/retry.ts'
import { IN_FLIGHT_MAX, TRANSACTION_BUFFER_BYTES, TRANSACTION_FANOUT_MAX } from '../../limits.ts'
import type { TopicMetadata, TopicMetadataCache } from '../../topic-metadata.ts'
import { type PostBatch, postByFetch, sendBatch } from '../batch-request.ts'
import { asEdgelogError } from '../delivery-error.ts'
import { deliveryLimitMs, type ProducerSettings } from '../producer-options.ts'
import { copyRecord } from '../record-input.ts'
import type { SendLine } from '../send-line.ts'
import { aborted } from './transaction-error.ts'
import type {
  GroupOffsets,
  TransactionEnd,
  TransactionRecord,
  TransactionResult,
  TransactionSink,
} from './transaction-parts.ts'
import type { TransactionalSession } from './transactional-session.ts'

export interface InteractiveContext {
  readonly connection: Connection
  readonly metadata: TopicMetadataCache
  readonly codecs: Codecs
  readonly settings: ProducerSettings
  readonly line: SendLine
  readonly signal: AbortSignal
}

/** The records for one partition. */
interface OpenPartition {
  readonly topic: string
  readonly partition: number
  readonly builder: BatchBuilder
  readonly batches: Uint8Array[]
  nextSequence: number
  /** Offset of its first record; undefined until it is stored. */
  baseOffset: number | undefined
}

/** The sequence after 2147483647 is 0. */
const SEQUENCES = 2 ** 31

export class InteractiveTransaction implements TransactionSink {
  readonly #session: TransactionalSession
  readonly #context: InteractiveContext
  readonly #partitions = new Map<string, OpenPartition>()
  /** Partition of the records without a key, by topic. */
  readonly #keylessPartition = new Map<string, number>()
  /** Records are added one after the other, because some wait for metadata or for room. */
  #last: Promise<void> = Promise.resolve()
  #waitingBytes = 0
  #bufferedBytes = 0
  /** True once a call was sent that begins the transaction. */
  #isBegun = false
  #isEnded = false

  constructor(session: TransactionalSession, context: InteractiveContext) {
    this.#session = session
    this.#context = context
  }

  add(record: TransactionRecord): Promise<void> {
    const sizeBytes = BatchBuilder.recordSizeBytesMax(record.record)
    const { bufferBytesMax } = this.#context.settings
    if (this.#waitingBytes > 0 && this.#waitingBytes + sizeBytes > bufferBytesMax) {
      const why = `${bufferBytesMax} bytes of records are already waiting: await send() in the transaction`
      return Promise.reject(new EdgelogError('throttled', why))
    }
    this.#waitingBytes += sizeBytes
    const own = { ...record, record: copyRecord(record.record) }
    const added = this.#last
      .then(() => this.#add(own, sizeBytes))
      .finally(() => {
        this.#waitingBytes -= sizeBytes
      })
    this.#last = added.catch(() => undefined)
    return added
  }

  async commit({ offsets, expected }: TransactionEnd): Promise<TransactionResult> {
    const id = this.#session.transactionalId
    if (expected.length > 0) {
      const why = 'only transactions of a producer without a transactionalId may have them'
      throw new EdgelogError('invalid_request', `expectOffset: ${why}`)
    }
    try {
      await this.#flush()
      for (const group of offsets) await this.#addOffsets(group)
    } catch (error) {
      throw reasonOf(error)
    }
    // An empty transaction has nothing to end.
    const isVisible = this.#isBegun ? await this.#session.commit() : true
    const stored = [...this.#partitions.values()].map(({ topic, partition, baseOffset = -1 }) => {
      return { topic, partition, offset: baseOffset }
    })
    return { id, isVisible, offsets: stored }
  }

  async abort(): Promise<void> {
    this.#isEnded = true
    await this.#last
    if (this.#isBegun) await this.#session.abort()
  }

  async #add(
    { topic, record, partition: chosen }: TransactionRecord,
    sizeBytes: number,
  ): Promise<void> {
    const metadata = await this.#metadata(topic)
    if (this.#isEnded) return
    const partition = chosen ?? this.#choosePartition(topic, record, metadata.partitions)
    const open = this.#open(topic, partition)
    const { builder } = open
    const batchBytesMax = Math.min(this.#context.settings.batchBytesMax, metadata.maxMessageBytes)
    const isFull = builder.sizeBytes + sizeBytes > batchBytesMax
    if (isFull && builder.recordsCount > 0) await this.#closeBatch(open)
    builder.append(record)
    this.#bufferedBytes += sizeBytes
    if (this.#bufferedBytes < TRANSACTION_BUFFER_BYTES) return
    try {
      await this.#flush()
    } catch (error) {
      throw reasonOf(error)
    }
  }

  async #metadata(topic: string): Promise<TopicMetadata> {
    const { connection, metadata, settings, signal } = this.#context
    const known = metadata.peek(topic)
    if (known !== undefined) return known
    const options = { ...settings, timeoutMs: deliveryLimitMs(settings), signal }
    return await retryTransient(connection, options, () => metadata.load(topic))
  }

  #choosePartition(topic: string, { key }: NewRecord, partitions: number): number {
    if (key !== null) return partitionForKey(key, partitions)
    const partition =
      this.#keylessPartition.get(topic) ??
      Math.floor(this.#context.connection.random() * partitions)
    this.#keylessPartition.set(topic, partition)
    return partition
  }

  #open(topic: string, partition: number): OpenPartition {
    const key = `${topic}/${partition}`
    const known = this.#partitions.get(key)
    if (known !== undefined) return known
    const builder = new BatchBuilder(1_024)
    const open = { topic, partition, builder, batches: [], nextSequence: 0, baseOffset: undefined }
    this.#partitions.set(key, open)
    return open
  }

  async #closeBatch(open: OpenPartition): Promise<void> {
    const { builder, batches } = open
    if (builder.recordsCount === 0) return
    const { settings, codecs } = this.#context
    const producer: ProducerIdAndEpoch = await this.#session.begin()
    const baseSequence = open.nextSequence
    open.nextSequence = (baseSequence + builder.recordsCount) % SEQUENCES
    const batch = builder.finish({ ...producer, baseSequence, isTransactional: true })
    batches.push(await compressBatch(batch, settings.compression, codecs))
  }

  /** Sends all records, a few partitions at a time. */
  async #flush(): Promise<void> {
    this.#bufferedBytes = 0
    const partitions = [...this.#partitions.values()].values()
    const failure = new AbortController()
    const lane = async () => {
      for (const open of partitions) {
        if (failure.signal.aborted) return
        await this.#send(open)
      }
    }
    const lanes = Array.from({ length: TRANSACTION_FANOUT_MAX }, () =>
      lane().catch((error) => failure.abort(error)),
    )
    await Promise.all(lanes)
    failure.signal.throwIfAborted()
  }

  /** Sends the batches of a partition in order: requests of as many as the log recognizes when they are repeated. */
  async #send(open: OpenPartition): Promise<void> {
    await this.#closeBatch(open)
    const { batches } = open
    while (batches.length > 0) {
      const body = concatenate(batches.splice(0, IN_FLIGHT_MAX))
      const baseOffset = await this.#post(open, body)
      open.baseOffset ??= baseOffset
    }
  }

  async #post({ topic, partition }: OpenPartition, body: Uint8Array): Promise<number> {
    const { connection, settings, line, signal } = this.#context
    const { transactionalId } = this.#session
    this.#isBegun = true
    const postBatch: PostBatch = (...[name, index, bytes, options]) =>
      postByFetch(connection, name, index, bytes, { ...options, transactionalId })
    const sending = { line, timeoutMs: settings.requestTimeoutMs, signal, postBatch }
    const retry = { ...settings, timeoutMs: deliveryLimitMs(settings), signal }
    return await retryTransient(connection, retry, async () => {
      const { result, refusal } = await sendBatch(connection, topic, partition, body, sending)
      if (result !== undefined) return result.baseOffset
      signal.throwIfAborted()
      throw refusal ?? new EdgelogError('unavailable', 'the batch was not sent')
    })
  }

  async #addOffsets({ groupId, member, offsets }: GroupOffsets): Promise<void> {
    this.#isBegun = true
    for (let first = 0; first < offsets.length; first += COMMIT_OFFSETS_MAX) {
      const part = offsets.slice(first, first + COMMIT_OFFSETS_MAX)
      await this.#session.addOffsets({ groupId, member, offsets: part })
    }
  }
}

/** Returns the error of a transaction that is aborted because of `error`; an error of a fenced producer unchanged. */
function reasonOf(error: unknown): EdgelogError {
  const reason = asEdgelogError(error)
  return reason.code === 'producer_fenced' ? reason : aborted(reason)
}
