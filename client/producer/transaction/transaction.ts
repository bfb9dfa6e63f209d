/** The transaction that an application fills. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { encodeRecordInput, type ProducerRecord } from '../record-input.ts'
import type {
  ConsumerOffsets,
  ExpectedOffset,
  GroupOffsets,
  TransactionalConsumer,
  TransactionEnd,
  TransactionOffset,
  TransactionSink,
} from './transaction-parts.ts'

export class Transaction {
  readonly #sink: Pick<TransactionSink, 'add'>
  readonly #now: () => number
  readonly #expected: ExpectedOffset[] = []
  readonly #groups = new Map<string, GroupOffsets>()
  readonly #consumers: ConsumerOffsets[] = []
  #pending: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #isEnded = false

  /** @internal Made by `Producer.transaction`. */
  constructor(sink: Pick<TransactionSink, 'add'>, now: () => number) {
    this.#sink = sink
    this.#now = now
  }

  /**
   * Adds a record; resolves when there is room for the next one. A call that fails makes the transaction fail, whether
   * it is awaited or not.
   *
   * @throws {EdgelogError} `invalid_record`, `invalid_timestamp`, `message_too_large`, `request_too_large`,
   * `throttled`; `invalid_txn_state` after the transaction has ended.
   */
  send(topic: string, record: ProducerRecord): Promise<void> {
    if (this.#isEnded) return Promise.reject(endedError())
    const added = this.#send(topic, record)
    const noted = added.catch((error) => {
      this.#failure ??= { error }
    })
    this.#pending = Promise.all([this.#pending, noted])
    return added
  }

  /**
   * Commits offsets of a group with the transaction: those that `commit()` of a group's consumer would commit now,
   * under its member; or the given ones, for a group without members. The last offset of a partition counts.
   *
   * @throws {EdgelogError} `unknown_member_id` if the consumer is not in its group; `invalid_txn_state` after the
   * transaction has ended.
   * @example
   * tx.commitOffsets(consumer)
   * tx.commitOffsets('nightly', [{ topic: 'orders', partition: 0, offset: 42 }])
   */
  commitOffsets(consumer: TransactionalConsumer): void
  commitOffsets(groupId: string, offsets: readonly TransactionOffset[]): void
  commitOffsets(
    group: TransactionalConsumer | string,
    offsets: readonly TransactionOffset[] = [],
  ): void {
    if (this.#isEnded) throw endedError()
    if (typeof group === 'string') this.#addOffsets({ groupId: group, member: undefined, offsets })
    else {
      const own = group.offsetsToCommit()
      this.#consumers.push(own)
      this.#addOffsets(own)
    }
  }

  /**
   * Makes the transaction fail if the next offset of a partition is another one when it is committed. Only for
   * partitions that it has records for, and not with a `transactionalId`.
   *
   * @throws {EdgelogError} `invalid_txn_state` after the transaction has ended.
   */
  expectOffset(topic: string, partition: number, nextOffset: number): void {
    if (this.#isEnded) throw endedError()
    this.#expected.push({ topic, partition, nextOffset })
  }

  /** Accepts no more. Returns the contents. @throws the error of the first call of `send` that failed. @internal */
  async end(): Promise<TransactionEnd> {
    this.#isEnded = true
    await this.#pending
    if (this.#failure !== undefined) throw this.#failure.error
    return { offsets: [...this.#groups.values()], expected: this.#expected }
  }

  /** Lets the consumers continue. @internal */
  settle(outcome: 'committed' | 'rewind'): void {
    this.#isEnded = true
    for (const consumer of this.#consumers) consumer[outcome]()
  }

  async #send(topic: string, input: ProducerRecord): Promise<void> {
    const record = encodeRecordInput(input, this.#now())
    const hasTimestamp = input.timestamp !== undefined
    await this.#sink.add({ topic, record, partition: input.partition, hasTimestamp })
  }

  #addOffsets({ groupId, member, offsets }: GroupOffsets): void {
    if (offsets.length === 0) return
    const before = this.#groups.get(groupId)
    const byPartition = new Map(
      [...(before?.offsets ?? []), ...offsets].map((one) => [`${one.topic}/${one.partition}`, one]),
    )
    const merged = { groupId, member: member ?? before?.member, offsets: [...byPartition.values()] }
    this.#groups.set(groupId, merged)
  }
}

function endedError(): EdgelogError {
  return new EdgelogError('invalid_txn_state', 'the transaction has ended')
}
