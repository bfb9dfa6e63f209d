import { EdgelogError } from '../../src/core/errors.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN } from '../../src/core/limits.ts'
import { checkRange } from '../check-range.ts'
import {
  type ConsumerOptions,
  type ConsumerSettings,
  checkStart,
  readSettings,
  type StartPosition,
} from '../consumer/consumer-options.ts'
import {
  AUTO_COMMIT_INTERVAL_MS,
  MAX_POLL_INTERVAL_MS,
  SESSION_TIMEOUT_MS,
  TIMER_MS_MAX,
} from '../limits.ts'

export interface GroupConsumerOptions
  extends Pick<ConsumerOptions, 'transport' | 'fetchBytesMax' | 'bufferBytesMax' | 'isolation'> {
  /** Members with the same id share the partitions. */
  readonly groupId: string
  /** Topics to subscribe to; either these or `topicPattern`. */
  readonly topics?: readonly string[]
  /** An RE2 expression that matches whole topic names, including those of later topics. */
  readonly topicPattern?: string
  /**
   * Id of a static member: it keeps its partitions while it is closed, and
   * gets them back if it returns with the same id before its session expires.
   */
  readonly instanceId?: string
  /** Shown in the description of the group. */
  readonly clientId?: string
  /** How partitions are shared: the assignor that most members request, 'uniform' by default. */
  readonly assignor?: 'uniform' | 'range'
  /**
   * Start of a partition without a committed offset; 'latest', as Kafka's `auto.offset.reset`.
   * With 'latest', records that arrive in a new partition before a member has it are not read.
   */
  readonly from?: Exclude<StartPosition, number>
  /** True to commit finished batches at an interval, when partitions are revoked, and on `close()`; true. */
  readonly autoCommit?: boolean
  /** 5 s. */
  readonly autoCommitIntervalMs?: number
  /** Silence after which the group removes the member, 1 s to 30 min; 45 s. */
  readonly sessionTimeoutMs?: number
  /**
   * Longest time to handle a batch, 1 s to 30 min; 5 min. After it the member leaves, so that
   * others continue, and joins again when the application requests the next batch.
   */
  readonly maxPollIntervalMs?: number
  /** Aborting it closes the consumer; waits at most 10 s for the current batches, also in a `for await`. */
  readonly signal?: AbortSignal
}

export interface GroupConsumerSettings {
  readonly reading: ConsumerSettings
  readonly groupId: string
  readonly topics: readonly string[] | undefined
  readonly topicPattern: string | undefined
  readonly instanceId: string | undefined
  readonly clientId: string | undefined
  readonly assignor: 'uniform' | 'range' | undefined
  readonly from: Exclude<StartPosition, number>
  readonly autoCommit: boolean
  readonly autoCommitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly maxPollIntervalMs: number
}

/** @throws {EdgelogError} `invalid_config`, `invalid_group_id`. */
export function groupConsumerSettings(options: GroupConsumerOptions): GroupConsumerSettings {
  const {
    from = 'latest',
    autoCommit = true,
    autoCommitIntervalMs = AUTO_COMMIT_INTERVAL_MS,
    sessionTimeoutMs = SESSION_TIMEOUT_MS,
    maxPollIntervalMs = MAX_POLL_INTERVAL_MS,
    topics,
    topicPattern,
    instanceId,
    clientId,
    assignor,
  } = options
  const hasTopics = topics !== undefined && topics.length > 0
  if (hasTopics === Boolean(topicPattern)) {
    throw new EdgelogError(
      'invalid_config',
      'topics, topicPattern: exactly one of them is required',
    )
  }
  checkStart('from', from, 'invalid_config')
  checkRange('autoCommitIntervalMs', autoCommitIntervalMs, 1, TIMER_MS_MAX)
  for (const [name, timeoutMs] of Object.entries({ sessionTimeoutMs, maxPollIntervalMs })) {
    checkRange(name, timeoutMs, SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX)
  }
  return {
    // Retention may have deleted the committed offset: continue at the oldest record, which skips the fewest.
    reading: readSettings({ ...options, autoOffsetReset: 'earliest' }),
    groupId: parseGroupId(options.groupId, 'groupId'),
    topics,
    topicPattern,
    instanceId,
    clientId,
    assignor,
    from,
    autoCommit,
    autoCommitIntervalMs,
    sessionTimeoutMs,
    maxPollIntervalMs,
  }
}
