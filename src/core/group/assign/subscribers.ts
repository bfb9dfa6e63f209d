/** Who subscribes to a topic. Members are numbers here, their positions in a list. */
import type { AssignorMember } from './assignor.ts'

/**
 * Answers, in rising order, which members subscribe to a topic. Members that share one set of topics are
 * asked once for all, and topics with the same subscribers share one list: two thousand members times
 * a thousand topics would be much.
 */
export function subscriberLists(
  members: readonly AssignorMember[],
): (topicId: string) => readonly number[] {
  const bySet = Map.groupBy(members.keys(), (index) => members[index]?.topicIds)
  const kinds = [...bySet].map(([topicIds, indexes]) => ({ topicIds, indexes }))
  const lists = new Map<string, readonly number[]>()
  return (topicId) => {
    const subscribed = kinds.filter(({ topicIds }) => topicIds?.has(topicId))
    const key = subscribed.map(({ indexes }) => indexes[0]).join()
    let list = lists.get(key)
    if (list === undefined) {
      list = subscribed.flatMap(({ indexes }) => indexes).sort((a, b) => a - b)
      lists.set(key, list)
    }
    return list
  }
}
