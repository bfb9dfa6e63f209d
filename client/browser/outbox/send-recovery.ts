/** Continues where the log no longer has a topic, a partition, or the state of a producer. */
import { EdgelogError, type ErrorCode } from '../../../src/core/errors.ts'
import type { Connection } from '../../http/connection.ts'
import { RequestError } from '../../http/request-error.ts'
import { asEdgelogError } from '../../producer/delivery-error.ts'
import { PRODUCER_TRUST_MS } from '../limits.ts'
import type { ProducerRow, TopicRow } from '../store/schema.ts'
import type { Publisher } from '../tabs/channel.ts'
import { checkTail } from './check-tail.ts'
import type { OutboxDrain, PendingBatch } from './outbox-drain.ts'
import { EVERYWHERE, keyOf, type SendHealth } from './send-health.ts'

export interface SendRecoveryContext {
  readonly connection: Connection
  readonly drain: OutboxDrain
  readonly channel: Publisher
  readonly health: SendHealth
  /** @throws {RequestError} */
  readonly loadTopic: (topic: string) => Promise<TopicRow>
}

/** Errors after which a topic's records are parked: it does not exist, or not for this caller. */
const TOPIC_ERRORS: readonly ErrorCode[] = [
  'unknown_topic_or_partition',
  'topic_authorization_failed',
]

export class SendRecovery {
  readonly #context: SendRecoveryContext
  /** Partitions that were renumbered since the log last accepted records. */
  readonly #renumbered = new Set<string>()
  /** Time of the last check for waiting records in the log. */
  readonly #checkedAtMs = new Map<string, number>()

  constructor(context: SendRecoveryContext) {
    this.#context = context
  }

  /** The log has accepted records of this partition. */
  succeed(key: string): void {
    this.#renumbered.delete(key)
  }

  /** Requests the topic's metadata, which moves records to existing partitions. */
  async locate(topic: string, partition: number, signal: AbortSignal): Promise<boolean> {
    const { drain, channel, loadTopic } = this.#context
    const key = keyOf({ topic, partition })
    const { token } = this.#context.connection
    try {
      const known = await loadTopic(topic)
      // The topic has this partition, but the partition is not created yet.
      if (partition >= 0 && partition < known.partitions) {
        this.#context.health.fail(
          key,
          new EdgelogError('unavailable', `${topic}/${partition} is not ready`),
        )
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
        await this.#context.health.pauseForToken(refusal, token)
      } else this.#context.health.fail(isOurs ? key : EVERYWHERE, refusal)
      return false
    }
  }

  /** Returns whether to send again at once. */
  async renumber(producer: ProducerRow, isFenced: boolean, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(producer)
    if (!(await this.reconcile(producer, signal))) return false
    await this.#context.drain.renumber(producer, isFenced)
    const isAgain = this.#renumbered.has(key)
    this.#renumbered.add(key)
    // Limits the rate of new epochs if the log rejects all of them.
    if (isAgain)
      this.#context.health.fail(
        key,
        new EdgelogError('unknown_producer_id', `${key}: every epoch is rejected`),
      )
    return !isAgain
  }

  /**
   * Returns whether to check the log first: it accepts sequence 0 from an unknown
   * producer, so records that were queued more than 14 days ago could be stored twice.
   */
  mayBeForgotten({ producer, rows }: PendingBatch): boolean {
    const sinceMs = Math.max(rows[0]?.queuedAtMs ?? 0, this.#checkedAtMs.get(keyOf(producer)) ?? 0)
    return this.#context.connection.clock.now() - sinceMs >= PRODUCER_TRUST_MS
  }

  /** Settles the records that the log has, but whose response was lost. */
  async reconcile(producer: ProducerRow, signal: AbortSignal): Promise<boolean> {
    const { connection, drain, channel } = this.#context
    const { topic, partition } = producer
    const key = keyOf(producer)
    try {
      const acks = await checkTail(connection, producer, signal)
      await drain.ack(topic, partition, acks)
      if (acks.length > 0) channel.publish({ kind: 'acked', topic, partition, acks })
      this.#checkedAtMs.set(key, connection.clock.now())
      return true
    } catch (error) {
      if (!signal.aborted) this.#context.health.fail(key, asEdgelogError(error))
      return false
    }
  }
}
