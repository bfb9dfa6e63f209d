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
  extends Pick<ConsumerOptions, 'transport' | 'fetchBytesMax' | 'bufferBytesMax'> {
  /** Members with the same id share the partitions. */
  readonly groupId: string
  /** Topics that are there; these or `topicPattern`. */
  readonly topics?: readonly string[]
  /** An RE2 expression over whole names of topics, also of those to come. */
  readonly topicPattern?: string
  /**
   * Of a static member: it closes without giving its partitions away, and finds them again if it is
   * back, under the same id, before its session is over.
   */
  readonly instanceId?: string
  /** Shown where the group is described. */
  readonly clientId?: string
  /** How partitions are shared; the one that most members ask for, 'uniform' if none asks. */
  readonly assignor?: 'uniform' | 'range'
  /**
   * Where a partition starts of which nothing is committed; 'latest', Kafka's `auto.offset.reset`.
   * With it records of a new partition that come before a member has it are not read.
   */
  readonly from?: Exclude<StartPosition, number>
  /** Commits what is finished now and then, when partitions go, and on `close()`; true. */
  readonly autoCommit?: boolean
  /** 5 s. */
  readonly autoCommitIntervalMs?: number
  /** Silence after which the member is taken for dead, 1 s to 30 min; 45 s. */
  readonly sessionTimeoutMs?: number
  /**
   * How long a batch may be worked on, 1 s to 30 min; 5 min. Beyond it the member leaves, so that
   * others go on, and joins again when the application asks for the next batch.
   */
  readonly maxPollIntervalMs?: number
  /** Aborting it closes: what is worked on, in a `for await` too, is waited for, 10 s at most. */
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
    throw new EdgelogError('invalid_config', 'either topics or topicPattern is needed')
  }
  checkStart('from', from, 'invalid_config')
  checkRange('autoCommitIntervalMs', autoCommitIntervalMs, 1, TIMER_MS_MAX)
  for (const [name, timeoutMs] of Object.entries({ sessionTimeoutMs, maxPollIntervalMs })) {
    checkRange(name, timeoutMs, SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX)
  }
  return {
    // What was committed may be gone by retention: then the oldest that is left loses no more.
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
