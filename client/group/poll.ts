/** Polls a group with a member that lives for one request: for cron triggers and fetch handlers. */
import { EdgelogError } from '../../src/core/errors.ts'
import { checkRange } from '../check-range.ts'
import { type Clock, sleep } from '../clock.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/consumer-record.ts'
import {
  POLL_QUIET_MS,
  POLL_RECORDS,
  POLL_RECORDS_MAX,
  POLL_SESSION_TIMEOUT_MS,
  POLL_WAIT_MS,
  POLL_WAIT_MS_MIN,
  TIMER_MS_MAX,
} from '../limits.ts'
import type { OffsetCommit } from './group-calls.ts'
import type { GroupConsumer } from './group-consumer.ts'
import type { GroupConsumerOptions } from './group-consumer-options.ts'

export interface PollOptions
  extends Pick<
    GroupConsumerOptions,
    'topics' | 'topicPattern' | 'instanceId' | 'clientId' | 'from' | 'sessionTimeoutMs' | 'signal'
  > {
  /** Most records to return; 500. */
  readonly maxRecords?: number
  /**
   * Longest wait for partitions and records, at least 1 s; 5 s. Returns as soon as records have arrived.
   */
  readonly waitMs?: number
}

/** Records, ordered by offset within each partition. */
export interface PolledRecords {
  readonly records: readonly ConsumerRecord[]
  /**
   * Commits all `records` as handled, and leaves the group.
   *
   * @throws {EdgelogError} `unknown_member_id`, `stale_member_epoch` if other members
   * have the partitions by now, so that the records are delivered again; `unavailable`
   */
  commit(): Promise<void>
  /** Leaves without a commit: the records are delivered again. */
  close(): Promise<void>
}

interface PollContext {
  readonly clock: Clock
  readonly consumer: (options: GroupConsumerOptions) => GroupConsumer
}

/**
 * @throws {EdgelogError} the errors of a `GroupConsumer`'s iteration; `invalid_config`; the
 * reason why no records arrived, unless there are none: `unavailable`, `unreleased_instance_id`
 */
export async function pollGroup(
  { clock, consumer: newConsumer }: PollContext,
  groupId: string,
  { maxRecords = POLL_RECORDS, waitMs = POLL_WAIT_MS, ...options }: PollOptions,
): Promise<PolledRecords> {
  checkRange('maxRecords', maxRecords, 1, POLL_RECORDS_MAX)
  checkRange('waitMs', waitMs, POLL_WAIT_MS_MIN, TIMER_MS_MAX)
  const sessionTimeoutMs = options.sessionTimeoutMs ?? POLL_SESSION_TIMEOUT_MS
  const consumer = newConsumer({
    ...options,
    groupId,
    sessionTimeoutMs,
    maxPollIntervalMs: sessionTimeoutMs,
    autoCommit: false,
    transport: 'long-poll',
  })
  const records: ConsumerRecord[] = []
  const offsets = new Map<string, OffsetCommit>()
  /** Partitions that were revoked after they were read, even if they were assigned again. */
  const gone = new Set<string>()
  consumer.on('assignment', ({ revoked, lost }) => {
    for (const { topic, partition } of [...revoked, ...lost]) gone.add(`${topic}/${partition}`)
  })
  try {
    for await (const batch of readAhead(consumer, clock, waitMs)) {
      const { topic, partition } = batch
      const taken = batch.records.slice(0, maxRecords - records.length)
      records.push(...taken)
      const isWhole = taken.length === batch.records.length
      const offset = isWhole ? batch.nextOffset : (taken.at(-1)?.offset ?? 0) + 1
      const key = `${topic}/${partition}`
      offsets.set(key, { topic, partition, offset })
      gone.delete(key)
      if (records.length >= maxRecords) break
    }
  } catch (error) {
    await consumer.close()
    throw error
  }
  // Ends the membership after a session if the caller neither commits nor closes.
  const forgotten = clock.setTimeout(() => void consumer.close(), sessionTimeoutMs)
  const close = () => {
    clock.clearTimeout(forgotten)
    return consumer.close({ timeoutMs: 0 })
  }
  if (records.length === 0) await close()
  let isOver = records.length === 0
  return {
    records,
    close,
    commit: async () => {
      if (isOver && records.length > 0) {
        throw new EdgelogError('invalid_request', 'the records are already committed')
      }
      isOver = true
      try {
        const kept = [...offsets].filter(([key]) => !gone.has(key)).map(([, offset]) => offset)
        if (kept.length > 0) await consumer.commit(kept)
        if (kept.length < offsets.size) {
          throw new EdgelogError(
            'stale_member_epoch',
            'some partitions belong to other members now',
          )
        }
      } finally {
        await close()
      }
    },
  }
}

/**
 * Yields batches until none arrives: within `waitMs` at first,
 * then within `POLL_QUIET_MS`. The consumer stays a member.
 */
async function* readAhead(
  consumer: GroupConsumer,
  clock: Clock,
  waitMs: number,
): AsyncGenerator<ConsumerBatch, void, undefined> {
  const batches = consumer[Symbol.asyncIterator]()
  const deadlineMs = clock.now() + waitMs
  for (let isFirst = true; ; isFirst = false) {
    const leftMs = deadlineMs - clock.now()
    const end = new AbortController()
    const timeout = sleep(clock, isFirst ? leftMs : Math.min(leftMs, POLL_QUIET_MS), end.signal)
    const next = batches.next()
    const result = await Promise.race([next, timeout]).finally(() => end.abort())
    if (result === undefined) {
      // It ends when the consumer is closed; the batch that it may return is left to the next owner.
      next.catch(() => undefined)
      if (isFirst && consumer.lastError !== undefined) throw consumer.lastError
      return
    }
    if (result.done) return
    yield result.value
  }
}
