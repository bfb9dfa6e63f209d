/** Sends the oldest records of one partition in one request, and does with them what the response requires. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { RequestError } from '../../http/request-error.ts'
import { REQUEST_TIMEOUT_MS } from '../../limits.ts'
import { type SentBatch, sendBatch } from '../../producer/batch-request.ts'
import { asEdgelogError } from '../../producer/delivery-error.ts'
import { SendLine } from '../../producer/send-line.ts'
import { SEND_BYTES_MAX, SEND_RECORDS_MAX } from '../limits.ts'
import type { Ack, ProducerRow } from '../store/schema.ts'
import { TRANSACTIONS_TOPIC, UNASSIGNED_PARTITION } from '../store/schema.ts'
import { type PendingBatch, sequenceAt } from './outbox-drain.ts'
import { judge } from './outbox-plan.ts'
import { pendingOf } from './outbox-store.ts'
import { type JoinedBatch, joinRows, recordsOf } from './row-batches.ts'
import { EVERYWHERE, keyOf } from './send-health.ts'
import { SendRecovery, type SendRecoveryContext } from './send-recovery.ts'
import { isStorageError } from './topic-directory.ts'
import { sendTransaction, type TransactionVerdict } from './transaction-sending.ts'

export type PartitionSenderContext = SendRecoveryContext

interface SentMeta {
  readonly key: string
  readonly recordsCount: number
  readonly baseSequence: number
  /** The token of the request. */
  readonly token: string | undefined
}

export class PartitionSender {
  readonly #context: PartitionSenderContext
  readonly #recovery: SendRecovery
  /** Shared by all partitions. */
  readonly #line: SendLine
  /** Batch limits of partitions in which some record is rejected. */
  readonly #recordsMax = new Map<string, number>()
  readonly #outOfOrder = new Map<string, number>()

  constructor(context: PartitionSenderContext) {
    this.#context = context
    this.#recovery = new SendRecovery(context)
    this.#line = new SendLine(context.connection.clock)
  }

  /** @returns whether more records may wait in this partition */
  async sendOldest({ topic, partition }: ProducerRow, signal: AbortSignal): Promise<boolean> {
    if (partition === UNASSIGNED_PARTITION)
      return await this.#recovery.locate(topic, partition, signal)
    const { connection, drain } = this.#context
    const sizeBytesMax = Math.min(SEND_BYTES_MAX, this.#line.batchBytes)
    const pending = await drain.oldest(topic, partition, sizeBytesMax)
    if (pending === undefined || signal.aborted) return false
    const { producer, rows } = pending
    const key = keyOf(producer)
    if (topic === TRANSACTIONS_TOPIC) return await this.#sendTransaction(pending, key, signal)
    const recordsMax = this.#recordsMax.get(key) ?? SEND_RECORDS_MAX
    const { producerId, epoch } = producer
    const baseSequence = sequenceAt(producer, producer.firstPosition)
    if (baseSequence === 0 && this.#recovery.mayBeForgotten(pending)) {
      return await this.#recovery.reconcile(producer, signal)
    }
    const stamp = { producerId, producerEpoch: epoch, baseSequence }
    let joined: JoinedBatch
    try {
      joined = await joinRows(rows, { recordsMax, sizeBytesMax }, stamp)
    } catch (error) {
      await this.#parkDamaged(pending)
      this.#context.health.report(asEdgelogError(error))
      return true
    }
    const { batch, recordsCount } = joined
    const options = { line: this.#line, timeoutMs: REQUEST_TIMEOUT_MS, signal }
    const { token } = connection
    const sent = await sendBatch(connection, topic, partition, batch, options)
    if (signal.aborted && sent.outcome.kind !== 'acked') return false
    return await this.#settle(pending, { key, recordsCount, baseSequence, token }, sent, signal)
  }

  async #sendTransaction(
    pending: PendingBatch,
    key: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { connection, drain, channel } = this.#context
    const { topic, partition, firstPosition: position } = pending.producer
    const { token } = connection
    const startedAtMs = connection.clock.now()
    let verdict: TransactionVerdict
    try {
      verdict = await sendTransaction({ connection, drain, line: this.#line }, pending, signal)
    } catch (error) {
      if (isStorageError(error)) throw error
      await this.#parkDamaged(pending)
      this.#context.health.report(asEdgelogError(error))
      return true
    }
    switch (verdict.kind) {
      case 'acked': {
        const acks = [{ position, recordsCount: 1, baseOffset: -1, logAppendTime: null }]
        await drain.ack(topic, partition, acks)
        channel.publish({ kind: 'acked', topic, partition, acks })
        this.#succeed(key)
        return true
      }
      case 'park': {
        const { error } = verdict
        await drain.park(pending.producer, error)
        channel.publish({ kind: 'parked', topic, place: { partition, position }, error })
        this.#succeed(key)
        return true
      }
      case 'auth':
        await this.#context.health.pauseForToken(verdict.error, token)
        return false
      default: {
        const { error } = verdict
        if (!signal.aborted) this.#fail(key, error, startedAtMs)
        return false
      }
    }
  }

  async #settle(
    { producer }: PendingBatch,
    { key, recordsCount, baseSequence, token }: SentMeta,
    sent: SentBatch,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { drain, channel } = this.#context
    const { topic, partition, firstPosition } = producer
    const outOfOrderCount = this.#outOfOrder.get(key) ?? 0
    const verdict = judge({ recordsCount, sequence: baseSequence, outOfOrderCount }, sent)
    this.#outOfOrder.delete(key)
    switch (verdict.kind) {
      case 'acked': {
        const acks = acksOf(firstPosition, recordsCount, sent)
        if (acks.reduce((sum, ack) => sum + ack.recordsCount, 0) !== recordsCount) {
          this.#context.health.fail(
            key,
            new EdgelogError('unavailable', 'the response is about other records'),
          )
          return false
        }
        await drain.ack(topic, partition, acks)
        channel.publish({ kind: 'acked', topic, partition, acks })
        this.#succeed(key)
        return recordsCount < pendingOf(producer)
      }
      case 'again':
        if (sent.outcome.kind === 'outOfOrder') this.#outOfOrder.set(key, outOfOrderCount + 1)
        this.#fail(key, sent.refusal, sent.startedAtMs)
        return false
      case 'auth':
        await this.#context.health.pauseForToken(sent.refusal, token)
        return false
      case 'renumber':
        return await this.#recovery.renumber(producer, verdict.isFenced, signal)
      case 'narrow':
        this.#recordsMax.set(key, verdict.recordsMax)
        return true
      case 'park': {
        await drain.park(producer, verdict.error)
        const place = { partition, position: firstPosition }
        channel.publish({ kind: 'parked', topic, place, error: verdict.error })
        this.#succeed(key)
        return true
      }
      case 'gone':
        return await this.#recovery.locate(topic, partition, signal)
      default:
        return verdict satisfies never
    }
  }

  async #parkDamaged({ producer, rows: [first] }: PendingBatch): Promise<void> {
    const { drain, channel } = this.#context
    const { topic, partition, firstPosition: position } = producer
    if (first === undefined) return
    const why = 'the record stored in the browser is damaged'
    const error = new EdgelogError('corrupt_message', why).toBody()
    // A damaged row behind others is found when it is the first.
    const isDamaged = await recordsOf(first.batch).then(
      () => false,
      () => true,
    )
    if (!isDamaged) this.#recordsMax.set(keyOf(producer), first.recordsCount)
    else {
      await drain.parkDamaged(first, error)
      channel.publish({ kind: 'parked', topic, place: { partition, position }, error })
    }
  }

  /** Delays all partitions after a failure of the network, unless another request got its response meanwhile. */
  #fail(
    key: string,
    error: EdgelogError | undefined,
    startedAtMs = Number.POSITIVE_INFINITY,
  ): void {
    const isNetwork = error instanceof RequestError && error.status === 0
    const isOnlyHere = this.#line.ackedAtMs > startedAtMs
    this.#context.health.fail(isNetwork && !isOnlyHere ? EVERYWHERE : key, error)
  }

  #succeed(key: string): void {
    this.#context.health.succeed(key)
    this.#recovery.succeed(key)
    const recordsMax = this.#recordsMax.get(key)
    if (recordsMax !== undefined && recordsMax * 2 < SEND_RECORDS_MAX) {
      this.#recordsMax.set(key, recordsMax * 2)
    } else this.#recordsMax.delete(key)
  }
}

function acksOf(firstPosition: number, recordsCount: number, { result }: SentBatch): Ack[] {
  const logAppendTime = result?.logAppendTime ?? null
  const pieces = result?.pieces ?? [{ recordsCount, baseOffset: result?.baseOffset ?? -1 }]
  let position = firstPosition
  return pieces.map((piece) => {
    const ack = { ...piece, position, logAppendTime }
    position += piece.recordsCount
    return ack
  })
}
