/**
 * Evens out a group whose members subscribe to different topics:
 *
 *   1. every member keeps its partitions;
 *   2. free partitions go to the subscriber with the fewest partitions, topics with few subscribers first;
 *   3. while a member has at least two partitions more than another member that subscribes to one of its topics,
 *      one partition moves.
 *
 * Step 3 terminates: a move from a member with a partitions to one with b <= a - 2 reduces the sum of the squares
 * of all counts by 2 * (a - b - 1) >= 2. At its end no single move makes the group more even. A chain of moves might
 * still do so. Step 3 also stops after ASSIGNOR_STEPS_MAX member visits: the next assignment continues from there.
 */
import { assert } from '../../errors.ts'
import { ASSIGNOR_STEPS_MAX } from '../../limits.ts'
import { addToShare, type GroupShares, type TopicShares } from './shares.ts'

/**
 * Evens out the shares.
 *
 * @param stepsMax Member visits that step 3 may take; the topic in progress is completed.
 */
export function evenOutMixedShares(
  { topics, counts }: GroupShares,
  stepsMax = ASSIGNOR_STEPS_MAX,
): void {
  const fewFirst = topics.toSorted((a, b) => a.subscribers.length - b.subscribers.length)
  for (const topic of fewFirst) dealOut(topic, counts)
  let stepsLeft = stepsMax
  let hasMoved = true
  while (hasMoved) {
    hasMoved = false
    for (const topic of fewFirst) {
      if (stepsLeft <= 0) return
      const { steps, moves } = evenOutTopic(topic, counts)
      stepsLeft -= steps
      if (moves > 0) hasMoved = true
    }
  }
}

/** Gives the free partitions of a topic to its subscribers, always to one with the lowest count. */
function dealOut(topic: TopicShares, counts: number[]): void {
  const nextPoor = poorestFirst(topic, counts)
  while (topic.free > 0) {
    const taker = nextPoor()
    assert(taker !== undefined, 'every topic has a subscriber')
    addToShare(topic, counts, taker, 1)
  }
}

/** Moves partitions of one topic from the members with the most to those with the fewest, until no move helps. */
function evenOutTopic(
  topic: TopicShares,
  counts: number[],
): { readonly steps: number; readonly moves: number } {
  const countOf = (member: number) => counts[member] ?? 0
  const { shares, subscribers } = topic
  const steps = shares.size + subscribers.length
  let highest = 0
  for (const member of shares.keys()) highest = Math.max(highest, countOf(member))
  // Usually there is nothing to do, and this check is faster than sorting.
  if (!subscribers.some((member) => countOf(member) < highest - 1)) return { steps, moves: 0 }
  const nextRich = richestFirst(topic, counts)
  const nextPoor = poorestFirst(topic, counts)
  for (let moves = 0; ; moves++) {
    const giver = nextRich()
    const taker = nextPoor()
    if (giver === undefined || taker === undefined || countOf(giver) - countOf(taker) < 2) {
      return { steps: steps + moves, moves }
    }
    addToShare(topic, counts, giver, -1)
    addToShare(topic, counts, taker, 1)
  }
}

function poorestFirst(topic: TopicShares, counts: readonly number[]): () => number | undefined {
  return inTurn(
    topic.subscribers,
    (member) => counts[member] ?? 0,
    (member) => topic.shares.get(member) ?? 0,
  )
}

/** Leaves out members without a share. */
function richestFirst(topic: TopicShares, counts: readonly number[]): () => number | undefined {
  return inTurn(
    [...topic.shares.keys()],
    (member) => (topic.shares.has(member) ? -(counts[member] ?? 0) : Number.POSITIVE_INFINITY),
    (member) => -(topic.shares.get(member) ?? 0),
  )
}

/**
 * Returns a function that returns one of the members with the lowest key at each call,
 * in laps. Between two calls the key of the returned member grows by one, or becomes
 * infinite: then the member is not returned again.
 */
function inTurn(
  members: readonly number[],
  key: (member: number) => number,
  tieBreak: (member: number) => number,
): () => number | undefined {
  let sorted = members.toSorted((a, b) => key(a) - key(b) || tieBreak(a) - tieBreak(b))
  let next = 0
  let level = Number.NEGATIVE_INFINITY
  return () => {
    const member = sorted[next++]
    if (member !== undefined && key(member) <= level) return member
    sorted = sorted.filter((one) => Number.isFinite(key(one)))
    const first = sorted[0]
    if (first !== undefined) level = key(first)
    next = 1
    return first
  }
}
