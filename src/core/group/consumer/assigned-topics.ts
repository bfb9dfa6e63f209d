/** Converts assignments to and from their RPC form: lists of topics, with names for people and clients. */

import type { Assignment } from '../assign/assignment.ts'
import type { AssignedTopic, OwnedPartitions } from '../group-api.ts'
import type { TopicDirectory } from '../topic-directory.ts'

/** Returns an assignment ordered by topic name. Deleted topics are left out, because a member cannot use them. */
export function assignedTopics(assignment: Assignment, topics: TopicDirectory): AssignedTopic[] {
  return [...assignment]
    .flatMap(([topicId, partitions]) => {
      const topic = topics.withId(topicId)?.name
      return topic === undefined ? [] : [{ topic, topicId, partitions }]
    })
    .sort((one, other) => (one.topic < other.topic ? -1 : 1))
}

/** Returns the assignment of owned partitions. Deleted topics are left out, because they cannot be held. */
export function assignmentOf(
  owned: readonly OwnedPartitions[],
  topics: TopicDirectory,
): Assignment {
  const assignment = new Map<string, readonly number[]>()
  for (const { topic = '', topicId = topics.named(topic)?.id, partitions } of owned) {
    if (topicId === undefined) continue
    const all = new Set([...(assignment.get(topicId) ?? []), ...partitions])
    if (all.size === 0) continue
    assignment.set(
      topicId,
      [...all].sort((a, b) => a - b),
    )
  }
  return assignment
}
