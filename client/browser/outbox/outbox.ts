/** What waits, and what was refused, as a page can see it and deal with it. */
import type { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { ParkedRecord } from './outbox-contents.ts'

export type { ParkedRecord } from './outbox-contents.ts'

export interface Outbox {
  /**
   * Records that are not in the log yet, of all tabs, in the order of `send` within each partition.
   * They have no offset (-1); the partition is -1 as long as nothing is known of the topic.
   */
  pending(topic?: string): Promise<ConsumerRecord[]>
  /** Records that the log refused, the oldest first. */
  parked(): Promise<ParkedRecord[]>
  /** Queues parked records anew, behind all that waits; all or one. Resolves to how many. */
  retry(id?: number): Promise<number>
  /** Forgets parked records, all or one. Resolves to how many. */
  discard(id?: number): Promise<number>
}
