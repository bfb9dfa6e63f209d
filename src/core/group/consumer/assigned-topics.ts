/** Assignments as they travel: lists of topics, by name where a person or a client is to read them. */

import type { Assignment } from '../assign/assignment.ts'
import type { AssignedTopic, OwnedPartitions } from '../group-api.ts'
import type { TopicDirectory } from '../topic-directory.ts'

/** By name. A topic that is gone is not shown: there is nothing to be done with it. */
export function assignedTopics(assignment: Assignment, topics: TopicDirectory): AssignedTopic[] {
  return [...assignment]
    .flatMap(([topicId, partitions]) => {
      const topic = topics.withId(topicId)?.name
      return topic === undefined ? [] : [{ topic, topicId, partitions }]
    })
    .sort((one, other) => (one.topic < other.topic ? -1 : 1))
}

/** A topic that is not there any more cannot be held: it is left out. */
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
