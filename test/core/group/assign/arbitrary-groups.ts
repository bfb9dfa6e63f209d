/** Generates groups and changes of them, for the property tests of the assignors. */
import fc from 'fast-check'
import type { Assignment } from '../../../../src/core/group/assign/assignment.ts'
import type { AssignorInput, AssignorMember } from '../../../../src/core/group/assign/assignor.ts'

const TOPICS = ['t0', 't1', 't2', 't3', 't4', 't5']

export type Subscriptions = 'same' | 'mixed'

/** Generates a group with arbitrary disjoint targets; some of them name partitions that no longer exist. */
export function arbitraryGroup(subscriptions: Subscriptions): fc.Arbitrary<AssignorInput> {
  return fc
    .record({
      partitionCounts: fc.dictionary(fc.constantFrom(...TOPICS), fc.integer({ min: 1, max: 12 })),
      members: fc.array(
        fc.record({
          isStatic: fc.boolean(),
          topicIds: fc.subarray(TOPICS),
        }),
        { minLength: 1, maxLength: 9 },
      ),
      /** The previous owner of each partition in turn; an index without a member means none. */
      owners: fc.array(fc.nat(12), { minLength: 1, maxLength: 100 }),
    })
    .map(({ partitionCounts, members, owners }) => {
      const targets = members.map(() => new Map<string, number[]>())
      let next = 0
      for (const topicId of TOPICS) {
        for (let partition = 0; partition < 14; partition++) {
          const target = targets[owners[next++ % owners.length] ?? 0]
          target?.set(topicId, [...(target.get(topicId) ?? []), partition])
        }
      }
      const entries = members.map(({ isStatic, topicIds }, index): [string, AssignorMember] => {
        const topics = subscriptions === 'same' ? (members[0]?.topicIds ?? []) : topicIds
        const target: Assignment = targets[index] ?? new Map()
        const instanceId = isStatic ? `instance-${9 - index}` : null
        return [`member-${index}`, { instanceId, topicIds: new Set(topics), target }]
      })
      return {
        members: new Map(entries),
        partitionCounts: new Map(Object.entries(partitionCounts)),
      }
    })
}

/** Generates the same group in another insertion order. */
export function arbitraryShuffle(input: AssignorInput): fc.Arbitrary<AssignorInput> {
  const shuffled = <K, V>(map: ReadonlyMap<K, V>) =>
    fc
      .shuffledSubarray([...map], { minLength: map.size, maxLength: map.size })
      .map((entries) => new Map(entries))
  return fc.record({
    members: shuffled(input.members).chain((members) =>
      fc
        .tuple(...[...members.values()].map(({ target }) => shuffled(target)))
        .map(
          (targets) =>
            new Map(
              [...members].map(([memberId, one], index): [string, AssignorMember] => [
                memberId,
                { ...one, target: targets[index] ?? one.target },
              ]),
            ),
        ),
    ),
    partitionCounts: shuffled(input.partitionCounts),
  })
}

export type GroupEvent =
  | { readonly kind: 'join'; readonly topicIds: readonly string[] }
  | { readonly kind: 'leave'; readonly pick: number }
  | { readonly kind: 'grow'; readonly topicId: string; readonly by: number }
  | { readonly kind: 'delete topic'; readonly topicId: string }

export const arbitraryEvents: fc.Arbitrary<readonly GroupEvent[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('join' as const), topicIds: fc.subarray(TOPICS) }),
    fc.record({ kind: fc.constant('leave' as const), pick: fc.nat(100) }),
    fc.record({
      kind: fc.constant('grow' as const),
      topicId: fc.constantFrom(...TOPICS),
      by: fc.integer({ min: 1, max: 12 }),
    }),
    fc.record({ kind: fc.constant('delete topic' as const), topicId: fc.constantFrom(...TOPICS) }),
  ),
  { maxLength: 25 },
)

/** Returns the group after an event; `subscriptions` decides whether a joining member subscribes like the others. */
export function happen(
  input: AssignorInput,
  event: GroupEvent,
  subscriptions: Subscriptions,
  memberId: string,
): AssignorInput {
  const members = new Map(input.members)
  const partitionCounts = new Map(input.partitionCounts)
  if (event.kind === 'join') {
    const topicIds = new Set(subscriptions === 'same' ? TOPICS : event.topicIds)
    members.set(memberId, { instanceId: null, topicIds, target: new Map() })
  } else if (event.kind === 'leave') {
    const leaving = [...members.keys()][event.pick % Math.max(1, members.size)]
    if (leaving !== undefined) members.delete(leaving)
  } else if (event.kind === 'grow') {
    partitionCounts.set(event.topicId, (partitionCounts.get(event.topicId) ?? 0) + event.by)
  } else {
    partitionCounts.delete(event.topicId)
  }
  return { members, partitionCounts }
}
