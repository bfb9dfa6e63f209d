/**
 * Evens out a group whose members subscribe to different topics:
 *
 *   1. everybody keeps what it has;
 *   2. what is free goes to the subscriber with the fewest partitions, topics with few subscribers first;
 *   3. while some member has two partitions more than another that may have one of them, one moves.
 *
 * Step 3 ends: a move from a member with a partitions to one with b <= a - 2 makes the sum of the squares
 * of all counts smaller by 2 * (a - b - 1) >= 2. Then no single move makes the group more even; that is
 * not always the best there is, which may take a chain of moves. Step 3 is also cut short after
 * ASSIGNOR_STEPS_MAX looks at a member: what is left to be evened out is so at the next assignment.
 */
import { assert } from '../../errors.ts'
import { ASSIGNOR_STEPS_MAX } from '../../limits.ts'
import { addToShare, type GroupShares, type TopicShares } from './shares.ts'

/** @param stepsMax Looks at a member that step 3 may take; the topic that it is at is brought to its end. */
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

/** Raises the counts of the topic's subscribers from the lowest up. */
function dealOut(topic: TopicShares, counts: number[]): void {
  const nextPoor = poorestFirst(topic, counts)
  while (topic.free > 0) {
    const taker = nextPoor()
    assert(taker !== undefined, 'every topic has a subscriber')
    addToShare(topic, counts, taker, 1)
  }
}

/** Moves partitions of one topic, from the richest to the poorest, until none of its moves helps. */
function evenOutTopic(
  topic: TopicShares,
  counts: number[],
): { readonly steps: number; readonly moves: number } {
  const countOf = (member: number) => counts[member] ?? 0
  const { shares, subscribers } = topic
  const steps = shares.size + subscribers.length
  let highest = 0
  for (const member of shares.keys()) highest = Math.max(highest, countOf(member))
  // Most often there is nothing to do, and this is quicker than sorting.
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

/** Who has no share left is named no more. */
function richestFirst(topic: TopicShares, counts: readonly number[]): () => number | undefined {
  return inTurn(
    [...topic.shares.keys()],
    (member) => (topic.shares.has(member) ? -(counts[member] ?? 0) : Number.POSITIVE_INFINITY),
    (member) => -(topic.shares.get(member) ?? 0),
  )
}

/**
 * Names one of the members with the lowest key at each call, in laps. Between two calls the key of who
 * was named grows by one, or becomes infinite: then it is named no more.
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
