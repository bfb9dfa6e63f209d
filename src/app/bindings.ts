/** The bindings, secrets and variables of a Worker that serves the log. */
import type { ObjectBindings } from '../broker/objects.ts'

export interface EdgelogEnv extends ObjectBindings {
  /** If set, every call but `/healthz` needs `Authorization: Bearer`. */
  readonly EDGELOG_TOKEN?: string
  /** Origins of web pages that may call, separated by commas. */
  readonly EDGELOG_ORIGINS?: string
  /** Kafka's `auto.create.topics.enable`: 'false' stops Kafka clients from creating topics by naming them. */
  readonly EDGELOG_AUTO_CREATE_TOPICS?: string
  /** Kafka's `num.partitions`: the number for such topics and for those created without a number; default 1. */
  readonly EDGELOG_NUM_PARTITIONS?: string
  /** Kafka's `offsets.retention.minutes`: how long a group without members keeps its offsets; default 7 days. */
  readonly EDGELOG_OFFSETS_RETENTION_MINUTES?: string
  /** Calls to objects after which a session is replaced; default 5,000. The free plan allows 50 for each request. */
  readonly EDGELOG_SESSION_CALLS_MAX?: string
  /** Kafka's `log.retention.check.interval.ms`: interval of deletion by age; default 5 minutes. */
  readonly EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS?: string
  /** Serves `/examples/*` without authentication; see `examples/README.md`. */
  readonly EDGELOG_EXAMPLES?: Fetcher
}
