/** What waits, and what was refused, as a page can see it and deal with it. */
import type { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { ParkedRecord, RetryOptions } from './outbox-contents.ts'

export interface Outbox {
  /**
   * Records that are not in the log yet, of all tabs, in the order of `send` within each partition.
   * They have no offset (-1); the partition is -1 as long as nothing is known of the topic.
   */
  pending(topic?: string): Promise<ConsumerRecord[]>
  /** Records that the log refused, the oldest first. */
  parked(): Promise<ParkedRecord[]>
  /**
   * Queues parked records again, behind all that waits; all or one. Resolves to how many.
   *
   * @param options `timestamp`: the time (ms since 1970) of those that were refused as `invalid_timestamp`, for a
   * device whose clock was wrong.
   * @throws {EdgelogError} `invalid_timestamp` for what is no time.
   * @example
   * await log.outbox.retry(undefined, { timestamp: Date.now() })
   */
  retry(id?: number, options?: RetryOptions): Promise<number>
  /** Forgets parked records, all or one. Resolves to how many. */
  discard(id?: number): Promise<number>
}
