/** A partition that a transaction names. */
import type { TopicName } from '../topic/topic-name.ts'

export interface PartitionParticipant {
  readonly topicId: string
  readonly topic: TopicName
  readonly partition: number
}
