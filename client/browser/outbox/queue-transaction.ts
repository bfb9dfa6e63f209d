/** Queues transactions of a page. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { BATCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { recordText } from '../../producer/transaction/one-shot-transaction.ts'
import { Transaction } from '../../producer/transaction/transaction.ts'
import type {
  TransactionRecord,
  TransactionSink,
} from '../../producer/transaction/transaction-parts.ts'
import { TRANSACTIONS_TOPIC } from '../store/schema.ts'
import type { OutboxProducer } from './outbox-producer.ts'
import { storedTransaction } from './stored-transaction.ts'

/** A transaction that is durable in this browser. */
export interface QueuedTransaction {
  readonly queued: true
  readonly id: string
  /** Resolves when the transaction is committed. Rejects as that of `Queued`: the transaction is parked then. */
  readonly acked: Promise<void>
}

export type BrowserTransactionWork = (tx: Pick<Transaction, 'send'>) => unknown

interface TransactionQueue {
  readonly producer: Pick<OutboxProducer, 'queue'>
  now(): number
}

/** Implements `BrowserClient.transaction`. */
export async function queueTransaction(
  queue: TransactionQueue,
  work: BrowserTransactionWork,
): Promise<QueuedTransaction> {
  const id = crypto.randomUUID()
  const sink = new QueueSink()
  const tx = new Transaction(sink, () => queue.now())
  try {
    await work(tx)
  } finally {
    tx.settle('rewind')
  }
  const { offsets, expected } = await tx.end()
  if (offsets.length > 0 || expected.length > 0) {
    const why = 'a transaction of a page has records only, because it may be sent days later'
    throw new EdgelogError('invalid_request', `tx: ${why}`)
  }
  if (sink.records.length === 0) return { queued: true, id, acked: Promise.resolve() }
  const record = storedTransaction(id, `[${sink.records.join(',')}]`, queue.now())
  const entry = { topic: TRANSACTIONS_TOPIC, record, partition: 0 }
  const { acked } = await queue.producer.queue(entry)
  const committed = acked.then(() => undefined)
  // Most applications do not await the promise.
  committed.catch(() => undefined)
  return { queued: true, id, acked: committed }
}

/** Gathers the records of a transaction. */
class QueueSink implements Pick<TransactionSink, 'add'> {
  readonly records: string[] = []
  #textLength = 0

  async add(record: TransactionRecord): Promise<void> {
    // The record keeps the time of the call, also if it is sent days later.
    const text = recordText({ ...record, hasTimestamp: true })
    this.#textLength += text.length
    if (this.#textLength > BATCH_BYTES_MAX) {
      const why = `a transaction of a page may have at most ${BATCH_BYTES_MAX} bytes of JSON`
      throw new EdgelogError('message_too_large', why)
    }
    this.records.push(text)
  }
}
