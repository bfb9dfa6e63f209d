/** Finds the subscribers of a topic. Members are numbers here, their positions in a list. */
import type { AssignorMember } from './assignor.ts'

/**
 * Returns a function that returns the subscribers of a topic in rising order. Members that share one set of
 * topics are checked once for all, and topics with the same subscribers share one list, because checking two
 * thousand members for each of a thousand topics would be slow.
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
