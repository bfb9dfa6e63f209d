/**
 * The events that an operator should see; see docs/OPERATIONS.md, "Events". An event is written as a log line, or
 * passed to the sink of the Worker that mounts edgelog (`report.ts`).
 */
import { EVENT_CAUSE_CHARS_MAX } from '../core/limits.ts'

/** `error`: a call or an object failed. `warn`: check whether it persists. `info`: nothing to do. */
type EventLevel = 'info' | 'warn' | 'error'

export type ServerEvent =
  /** A call to a Durable Object failed: full disk, reset, overload. Callers get `unavailable` or `throttled`. */
  | { readonly type: 'call_failed'; readonly error: unknown }
  /** The edge's cache failed for a sealed chunk. The chunk was read from its partition. */
  | { readonly type: 'cache_failed'; readonly error: unknown }
  /** A request ended as `500 internal`. `requestId` is its `X-Request-Id`. */
  | {
      readonly type: 'unexpected_error'
      readonly requestId: string
      readonly method: string
      readonly path: string
      readonly error: unknown
    }
  /** A request frame of a Kafka client failed unexpectedly. The connection was closed. */
  | { readonly type: 'kafka_request_failed'; readonly error: unknown }
  /** The TCP connection of a Kafka client was closed: it sent no frames, was too slow, or was one too many. */
  | { readonly type: 'kafka_connection_closed'; readonly reason: string }
  /** A tail ended by an unexpected error. The reader resumes. */
  | {
      readonly type: 'tail_failed'
      readonly source: 'subscription' | 'event_stream' | 'stream' | 'long_poll' | 'remote'
      readonly error: unknown
    }
  /** A partition or group restarts, because its memory may no longer match its rows. */
  | {
      readonly type: 'object_stopped'
      readonly kind: 'partition' | 'group' | 'task' | 'application' | 'catalog'
      readonly name: string
      readonly error: unknown
    }
  /** Some partitions did not take a change of their topic yet. The coordinator retries. */
  | { readonly type: 'topic_not_settled'; readonly topic: string; readonly error: unknown }
  /** A group did not receive the hint that its topics or configs changed. It refreshes later on its own. */
  | { readonly type: 'group_hint_lost'; readonly groupId: string; readonly error: unknown }
  /** A group could not refresh its topics from the coordinator. It continues with the cached topics, and retries. */
  | { readonly type: 'group_topics_stale'; readonly groupId: string; readonly error: unknown }
  /** Offsets of a transaction that its coordinator does not have as open were dropped in a group. */
  | {
      readonly type: 'transaction_dropped'
      readonly groupId: string
      readonly transactionalId: string
    }
  /** A partition aborted a transaction that its coordinator did not know as open. */
  | {
      readonly type: 'transaction_lost'
      readonly topic: string
      readonly partition: number
      readonly transactionalId: string
    }
  /** A transaction is open for too long, and its coordinator did not respond. The partition asks again. */
  | {
      readonly type: 'transaction_fate_unknown'
      readonly topic: string
      readonly partition: number
      readonly transactionalId: string
      readonly error: unknown
    }
  /** A participant has not ended a decided transaction yet. The coordinator retries; the decision stands. */
  | {
      readonly type: 'transaction_not_ended'
      readonly transactionalId: string
      readonly error: unknown
    }
  /** An application cannot start yet; `error` names what is missing. It tries again. */
  | {
      readonly type: 'application_starting'
      readonly application: string
      readonly error: string
    }
  /** A topic or a query of a SQL statement is not as the catalog wants it. The catalog tries again. */
  | { readonly type: 'statement_pending'; readonly effect: string; readonly error: string }
  /** A task of stream processing stopped at an error. It goes on when its application is resumed. */
  | {
      readonly type: 'task_failed'
      readonly application: string
      readonly task: string
      readonly node: string
      readonly error: string
    }
  /** A pass that compacts a log failed; nothing of it is lost. The partition begins another one later. */
  | {
      readonly type: 'compaction_failed'
      readonly topic: string
      readonly partition: number
      readonly error: unknown
    }
  /** R2 failed, or did not respond in time. The partition retries; its records stay where they are. */
  | {
      readonly type: 'remote_storage_failed'
      readonly topic: string
      readonly partition: number
      readonly error: unknown
    }
  /** An object in R2 is missing or changed. If its records are still in the partition, they are copied again. */
  | {
      readonly type: 'remote_object_damaged'
      readonly topic: string
      readonly partition: number
      readonly key: string
      readonly reason: string
    }
  /** A variable of the deployment has no valid value. `fallback` is used. */
  | {
      readonly type: 'setting_invalid'
      readonly name: string
      readonly got: string
      readonly fallback: number
    }
  /** The sink threw. The event that it received was logged. */
  | { readonly type: 'sink_failed'; readonly error: unknown }

export const EVENT_LEVELS: Readonly<Record<ServerEvent['type'], EventLevel>> = {
  cache_failed: 'warn',
  call_failed: 'error',
  unexpected_error: 'error',
  kafka_request_failed: 'error',
  kafka_connection_closed: 'warn',
  tail_failed: 'error',
  object_stopped: 'error',
  topic_not_settled: 'warn',
  group_hint_lost: 'info',
  group_topics_stale: 'warn',
  transaction_lost: 'warn',
  transaction_fate_unknown: 'warn',
  transaction_dropped: 'warn',
  transaction_not_ended: 'warn',
  task_failed: 'error',
  application_starting: 'warn',
  statement_pending: 'warn',
  compaction_failed: 'error',
  remote_storage_failed: 'warn',
  remote_object_damaged: 'error',
  setting_invalid: 'warn',
  sink_failed: 'error',
}

/** An event as a sink receives it. */
export type ReportedEvent = ServerEvent & {
  readonly level: EventLevel
  readonly timeMs: number
  /** Number of events with the same cause that were left out since the last reported one. */
  readonly repeats: number
}

/**
 * Returns the cause that repeats of this event share; undefined if each event is reported. A flood of events has few
 * causes: the errors of thousands of groups share one. A topic that is not settled and an object that stopped have
 * their own causes, because an operator must find them.
 */
export function causeOf(event: ServerEvent): string | undefined {
  switch (event.type) {
    case 'unexpected_error':
      // The response promises the caller that its request id is in the log.
      return undefined
    case 'kafka_connection_closed':
      // A client chooses the sizes in the reason.
      return event.type
    case 'transaction_lost':
      return cut(`${event.type} ${event.topic} ${event.partition} ${event.transactionalId}`)
    case 'remote_object_damaged':
      return cut(`${event.type} ${event.key} ${event.reason}`)
    case 'setting_invalid':
      return cut(`${event.type} ${event.name} ${event.got}`)
    case 'transaction_dropped':
      return event.type
    case 'topic_not_settled':
      return cut(`${event.type} ${event.topic} ${commonText(event.error)}`)
    case 'object_stopped':
      return cut(`${event.type} ${event.name} ${commonText(event.error)}`)
    default:
      return cut(`${event.type} ${commonText(event.error)}`)
  }
}

/** Returns the message of any thrown value, and never throws itself. */
export function errorText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'an error without a text'
  }
}

/** The platform adds a different reference to each internal error. */
function commonText(error: unknown): string {
  return errorText(error).replace(/reference = \w+/, 'reference')
}

function cut(cause: string): string {
  return cause.slice(0, EVENT_CAUSE_CHARS_MAX)
}
