/** The events of a group's consumer. */
import type { TopicPartition } from './held-partitions.ts'
import type { LagReport } from './lag-report.ts'

/** The event 'assignment'. */
export interface AssignmentChange {
  readonly assigned: readonly TopicPartition[]
  /** Partitions given up; their finished batches are committed. */
  readonly revoked: readonly TopicPartition[]
  /** Partitions lost: other members may have continued from the last commit. */
  readonly lost: readonly TopicPartition[]
  /** All assigned partitions. */
  readonly current: readonly TopicPartition[]
}

/** The events of a `GroupConsumer`, by name. */
export interface GroupConsumerEvents {
  readonly assignment: AssignmentChange
  /** At most once a second while batches are delivered. */
  readonly lag: LagReport
}
