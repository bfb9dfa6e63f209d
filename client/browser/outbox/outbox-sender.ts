/**
 * Sends the records of the outbox: the oldest of each partition first, one request per
 * partition at a time. Runs in the leading tab; two senders at once only cost requests.
 *
 * No record is given up: failures are retried with growing delays, and sooner when the page reports a change.
 */
import { EdgelogError, type ErrorCode } from '../../../src/core/errors.ts'
import { sleep } from '../../clock.ts'
import { retryDelayMs } from '../../http/backoff.ts'
import type { Connection } from '../../http/connection.ts'
import { RequestError, retryAfterMsOf } from '../../http/request-error.ts'
import { REQUEST_TIMEOUT_MS } from '../../limits.ts'
import { type SentBatch, sendBatch } from '../../producer/batch-request.ts'
import { asEdgelogError } from '../../producer/delivery-error.ts'
import { SendLine } from '../../producer/send-line.ts'
import {
  AUTH_RETRY_MS,
  OFFLINE_CHECK_MS,
  PRODUCER_TRUST_MS,
  SEND_BACKOFF_MS,
  SEND_BACKOFF_MS_MAX,
  SEND_BYTES_MAX,
  SEND_RECORDS_MAX,
  SENDS_MAX,
  TURN_SENDS_MAX,
  WAKE_JITTER_MS,
} from '../limits.ts'
import type { Ack, ProducerRow, TopicRow } from '../store/schema.ts'
import { TRANSACTIONS_TOPIC, UNASSIGNED_PARTITION } from '../store/schema.ts'
import type { Publisher } from '../tabs/channel.ts'
import { checkTail } from './check-tail.ts'
import { type OutboxDrain, type PendingBatch, sequenceAt } from './outbox-drain.ts'
import { judge } from './outbox-plan.ts'
import { type OutboxStore, pendingOf } from './outbox-store.ts'
import { QueueRhythm } from './queue-rhythm.ts'
import { type JoinedBatch, joinRows, recordsOf } from './row-batches.ts'
import { isStorageError } from './topic-directory.ts'
import { sendTransaction, type TransactionVerdict } from './transaction-sending.ts'

export type SenderState = 'idle' | 'offline' | 'connecting' | 'live' | 'backingOff' | 'authNeeded'

export interface SenderContext {
  readonly connection: Connection
  readonly store: OutboxStore
  readonly drain: OutboxDrain
  /** Refreshes the metadata of a topic that has records to send. */
  readonly refresh: (topic: string) => void
  /** @throws {RequestError} */
  readonly loadTopic: (topic: string) => Promise<TopicRow>
  readonly isOnline: () => boolean
  readonly channel: Publisher
  /** Called when the token is rejected; resolves to whether there is another one now. */
  readonly renewToken: () => Promise<boolean>
  readonly stateChanged: (state: SenderState, error: EdgelogError | undefined) => void
}

interface Delay {
  readonly failures: number
  readonly untilMs: number
  /** The whole delay; the remaining part is never longer, even if the clock is set back. */
  readonly delayMs: number
  /** End of the delay that the server requested; events do not shorten it. */
  readonly notBeforeMs: number
}

interface SentMeta {
  readonly key: string
  readonly recordsCount: number
  readonly baseSequence: number
  /** The token of the request. */
  readonly token: string | undefined
}

/** Key of delays that apply to all partitions. */
const EVERYWHERE = ''

/** Errors after which a topic's records are parked: it does not exist, or not for this caller. */
const TOPIC_ERRORS: readonly ErrorCode[] = [
  'unknown_topic_or_partition',
  'topic_authorization_failed',
]

export class OutboxSender {
  readonly #context: SenderContext
  /** Shared by all partitions. */
  readonly #line: SendLine
  #session: AbortController | undefined
  #state: SenderState = 'idle'
  readonly #delays = new Map<string, Delay>()
  /** Batch limits of partitions in which some record is rejected. */
  readonly #recordsMax = new Map<string, number>()
  readonly #outOfOrder = new Map<string, number>()
  /** Partitions that were renumbered since the log last accepted records. */
  readonly #renumbered = new Set<string>()
  /** Time of the last check for waiting records in the log. */
  readonly #checkedAtMs = new Map<string, number>()
  readonly #rhythm = new QueueRhythm()
  #isWoken = false
  #rest: AbortController | undefined

  constructor(context: SenderContext) {
    this.#context = context
    this.#line = new SendLine(context.connection.clock)
  }

  start(): void {
    if (this.#session !== undefined) return
    this.#session = new AbortController()
    void this.#run(this.#session.signal)
  }

  stop(): void {
    this.#session?.abort()
    this.#session = undefined
    this.#setState('idle')
  }

  /** Records were queued. */
  queued(): void {
    this.#rhythm.queued(this.#context.connection.clock.now())
    this.wake()
  }

  /** Ends the rest. */
  wake(): void {
    this.#isWoken = true
    this.#rest?.abort()
  }

  /** Retries delayed partitions within a second, because the network or the token may have changed. */
  hint(isToken = false): void {
    const { clock, random } = this.#context.connection
    const jitterMs = isToken ? 0 : random() * WAKE_JITTER_MS
    const soonMs = clock.now() + jitterMs
    if (this.#state === 'offline') this.#delay(EVERYWHERE, 0, jitterMs, 0)
    for (const [key, delay] of this.#delays) {
      const untilMs = Math.max(delay.notBeforeMs, Math.min(delay.untilMs, soonMs))
      this.#delays.set(key, { ...delay, untilMs })
    }
    this.wake()
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isWoken = false
      let waitMs: number
      try {
        waitMs = await this.#round(signal)
      } catch (error) {
        // The database failed.
        this.#fail(EVERYWHERE, asEdgelogError(error))
        waitMs = this.#waitMs([EVERYWHERE])
      }
      await this.#sleep(waitMs, signal)
    }
  }

  /** @returns the time to rest, unless it is woken */
  async #round(signal: AbortSignal): Promise<number> {
    const pending = (await this.#context.store.producers()).filter((row) => pendingOf(row) > 0)
    if (signal.aborted) return 0
    if (pending.length === 0) {
      if (this.#state !== 'live') this.#setState('idle')
      return Number.POSITIVE_INFINITY
    }
    if (!this.#context.isOnline()) {
      this.#setState('offline')
      return OFFLINE_CHECK_MS
    }
    for (const { topic } of pending) {
      if (topic !== TRANSACTIONS_TOPIC) this.#context.refresh(topic)
    }
    const due = pending.filter((row) => this.#waitMs([EVERYWHERE, keyOf(row)]) <= 0)
    // Reported once per outage, however many retries there are.
    const isFirstTry = this.#state === 'idle' || this.#state === 'offline'
    if (due.length > 0 && isFirstTry) this.#setState('connecting')
    await Promise.all(Array.from({ length: SENDS_MAX }, () => this.#work(due, signal)))
    return Math.min(...pending.map((row) => this.#waitMs([EVERYWHERE, keyOf(row)])))
  }

  async #work(due: ProducerRow[], signal: AbortSignal): Promise<void> {
    for (;;) {
      const next = due.shift()
      if (next === undefined) return
      const keys = [EVERYWHERE, keyOf(next)]
      for (let sends = 0; sends < TURN_SENDS_MAX; sends++) {
        if (signal.aborted || this.#waitMs(keys) > 0) break
        if (!(await this.#sendOldest(next, signal))) break
      }
    }
  }

  /** @returns whether more records may wait in this partition */
  async #sendOldest({ topic, partition }: ProducerRow, signal: AbortSignal): Promise<boolean> {
    if (partition === UNASSIGNED_PARTITION) return await this.#locate(topic, partition, signal)
    const { connection, drain } = this.#context
    await this.#gather(signal)
    const sizeBytesMax = Math.min(SEND_BYTES_MAX, this.#line.batchBytes)
    const pending = await drain.oldest(topic, partition, sizeBytesMax)
    if (pending === undefined || signal.aborted) return false
    const { producer, rows } = pending
    const key = keyOf(producer)
    if (topic === TRANSACTIONS_TOPIC) return await this.#sendTransaction(pending, key, signal)
    const recordsMax = this.#recordsMax.get(key) ?? SEND_RECORDS_MAX
    const { producerId, epoch } = producer
    const baseSequence = sequenceAt(producer, producer.firstPosition)
    if (baseSequence === 0 && this.#mayBeForgotten(pending)) {
      return await this.#reconcile(producer, key, signal)
    }
    const stamp = { producerId, producerEpoch: epoch, baseSequence }
    let joined: JoinedBatch
    try {
      joined = await joinRows(rows, { recordsMax, sizeBytesMax }, stamp)
    } catch (error) {
      await this.#parkDamaged(pending)
      this.#setState(this.#state, asEdgelogError(error))
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
    let verdict: TransactionVerdict
    try {
      verdict = await sendTransaction({ connection, drain, line: this.#line }, pending, signal)
    } catch (error) {
      if (isStorageError(error)) throw error
      await this.#parkDamaged(pending)
      this.#setState(this.#state, asEdgelogError(error))
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
        await this.#pauseForToken(verdict.error, token)
        return false
      default: {
        const { error } = verdict
        const isNetwork = error instanceof RequestError && error.status === 0
        if (!signal.aborted) this.#fail(isNetwork ? EVERYWHERE : key, error)
        return false
      }
    }
  }

  async #gather(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.connection
    for (;;) {
      const waitMs = this.#rhythm.waitMs(clock.now())
      if (waitMs <= 0 || signal.aborted) return
      await sleep(clock, waitMs, signal)
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
          this.#fail(key, new EdgelogError('unavailable', 'the response is about other records'))
          return false
        }
        await drain.ack(topic, partition, acks)
        channel.publish({ kind: 'acked', topic, partition, acks })
        this.#succeed(key)
        // Records queued meanwhile have woken the sender; the rest of this round may take long.
        return this.#isWoken || recordsCount < pendingOf(producer)
      }
      case 'again':
        if (sent.outcome.kind === 'outOfOrder') this.#outOfOrder.set(key, outOfOrderCount + 1)
        this.#fail(sent.refusal?.status === 0 ? EVERYWHERE : key, sent.refusal)
        return false
      case 'auth':
        await this.#pauseForToken(sent.refusal, token)
        return false
      case 'renumber':
        return await this.#renumber(producer, verdict.isFenced, key, signal)
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
        return await this.#locate(topic, partition, signal)
      default:
        return verdict satisfies never
    }
  }

  /** Requests the topic's metadata, which moves records to existing partitions. */
  async #locate(topic: string, partition: number, signal: AbortSignal): Promise<boolean> {
    const { drain, channel, loadTopic } = this.#context
    const key = keyOf({ topic, partition })
    const { token } = this.#context.connection
    try {
      const known = await loadTopic(topic)
      // The topic has this partition, but the partition is not created yet.
      if (partition >= 0 && partition < known.partitions) {
        this.#fail(key, new EdgelogError('unavailable', `${topic}/${partition} is not ready`))
      }
      // The records wait in other partitions now.
      return false
    } catch (error) {
      if (signal.aborted) return false
      const refusal = asEdgelogError(error)
      const isOurs = refusal instanceof RequestError && !refusal.isForeign
      if (isOurs && TOPIC_ERRORS.includes(refusal.code)) {
        await drain.parkTopic(topic, refusal.toBody())
        channel.publish({ kind: 'parked', topic, error: refusal.toBody() })
        return false
      }
      if (refusal.code === 'unauthorized' || refusal.code === 'forbidden') {
        await this.#pauseForToken(refusal, token)
      } else this.#fail(isOurs ? key : EVERYWHERE, refusal)
      return false
    }
  }

  async #renumber(
    producer: ProducerRow,
    isFenced: boolean,
    key: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (!(await this.#reconcile(producer, key, signal))) return false
    await this.#context.drain.renumber(producer, isFenced)
    const isAgain = this.#renumbered.has(key)
    this.#renumbered.add(key)
    // Limits the rate of new epochs if the log rejects all of them.
    if (isAgain)
      this.#fail(key, new EdgelogError('unknown_producer_id', `${key}: every epoch is rejected`))
    return !isAgain
  }

  /**
   * Returns whether to check the log first: it accepts sequence 0 from an unknown
   * producer, so records that were queued more than 14 days ago could be stored twice.
   */
  #mayBeForgotten({ producer, rows }: PendingBatch): boolean {
    const sinceMs = Math.max(rows[0]?.queuedAtMs ?? 0, this.#checkedAtMs.get(keyOf(producer)) ?? 0)
    return this.#context.connection.clock.now() - sinceMs >= PRODUCER_TRUST_MS
  }

  /** Settles the records that the log has, but whose response was lost. */
  async #reconcile(producer: ProducerRow, key: string, signal: AbortSignal): Promise<boolean> {
    const { connection, drain, channel } = this.#context
    const { topic, partition } = producer
    try {
      const acks = await checkTail(connection, producer, signal)
      await drain.ack(topic, partition, acks)
      if (acks.length > 0) channel.publish({ kind: 'acked', topic, partition, acks })
      this.#checkedAtMs.set(key, connection.clock.now())
      return true
    } catch (error) {
      if (!signal.aborted) this.#fail(key, asEdgelogError(error))
      return false
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

  /** @param token the rejected token; there may be another one by now */
  async #pauseForToken(
    refusal: EdgelogError | undefined,
    token: string | undefined,
  ): Promise<void> {
    const { connection, renewToken } = this.#context
    if (connection.token !== token || (await renewToken()) || connection.token !== token) {
      this.#fail(EVERYWHERE, refusal)
      return
    }
    this.#delay(EVERYWHERE, this.#delays.get(EVERYWHERE)?.failures ?? 0, AUTH_RETRY_MS, 0)
    this.#setState('authNeeded', refusal)
  }

  #succeed(key: string): void {
    this.#delays.delete(EVERYWHERE)
    this.#delays.delete(key)
    this.#renumbered.delete(key)
    const recordsMax = this.#recordsMax.get(key)
    if (recordsMax !== undefined && recordsMax * 2 < SEND_RECORDS_MAX) {
      this.#recordsMax.set(key, recordsMax * 2)
    } else this.#recordsMax.delete(key)
    this.#setState('live')
  }

  #fail(key: string, error: EdgelogError | undefined): void {
    const { connection } = this.#context
    const failures = (this.#delays.get(key)?.failures ?? 0) + 1
    const delayMs = retryDelayMs(connection, error, failures, SEND_BACKOFF_MS, SEND_BACKOFF_MS_MAX)
    this.#delay(key, failures, delayMs, retryAfterMsOf(error))
    this.#setState('backingOff', error)
  }

  #delay(key: string, failures: number, delayMs: number, atLeastMs: number): void {
    const nowMs = this.#context.connection.clock.now()
    const untilMs = nowMs + delayMs
    this.#delays.set(key, { failures, untilMs, delayMs, notBeforeMs: nowMs + atLeastMs })
  }

  #waitMs(keys: readonly string[]): number {
    const nowMs = this.#context.connection.clock.now()
    const waits = keys.map((key) => {
      const { untilMs = nowMs, delayMs = 0 } = this.#delays.get(key) ?? {}
      // More time than the whole delay is left only if the clock was set back.
      return untilMs - nowMs > delayMs ? 0 : untilMs - nowMs
    })
    return Math.max(...waits)
  }

  async #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken || waitMs <= 0 || signal.aborted) return
    this.#rest = new AbortController()
    const ended = AbortSignal.any([signal, this.#rest.signal])
    await sleep(this.#context.connection.clock, Math.min(waitMs, OFFLINE_CHECK_MS), ended)
    this.#rest = undefined
  }

  #setState(state: SenderState, error?: EdgelogError): void {
    if (state === this.#state && error === undefined) return
    this.#state = state
    this.#context.stateChanged(state, error)
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition}/${topic}`
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
