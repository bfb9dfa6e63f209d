/** Tests the limits of a group of the consumer protocol for its members. */
import { expect, test } from 'vitest'
import { checkHeartbeat } from '../../../../src/core/group/consumer/check-heartbeat.ts'
import { ConsumerGroup } from '../../../../src/core/group/consumer/consumer-group.ts'
import { decideHeartbeat } from '../../../../src/core/group/consumer/heartbeat.ts'
import { groupTimes } from '../../../../src/core/group/group-config.ts'
import { TopicDirectory } from '../../../../src/core/group/topic-directory.ts'
import { GROUP_TOPIC_NAMES_MAX, GROUP_TOPICS_MAX } from '../../../../src/core/limits.ts'
import { request } from './consumer-world.ts'

function names(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => `topic-${first + index}`)
}

function refusal(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('checkHeartbeat() limits the number of topics of one member, and checks their names', () => {
  const check = (topics: string[]) => refusal(() => checkHeartbeat(request({ topics })))
  expect(check(names(GROUP_TOPICS_MAX))).toBeUndefined()
  expect(check(names(GROUP_TOPICS_MAX + 1))).toBe('invalid_request')
  for (const wrong of ['', 'not a name', '..', 'x'.repeat(250)]) {
    expect(check(['right', wrong])).toBe('invalid_topic')
  }
})

test("checkHeartbeat() requires a subscription, which may be empty for clients of Kafka's protocol", () => {
  const check = (
    wanted: { topics?: string[]; topicPattern?: string },
    mayNameUnknownTopics = true,
  ) => {
    const { topics: _, ...joining } = request({ mayNameUnknownTopics })
    return refusal(() => checkHeartbeat({ ...joining, ...wanted }))
  }
  expect(check({})).toBe('invalid_request')
  expect(check({ topics: [] })).toBeUndefined()
  expect(check({ topicPattern: '' })).toBeUndefined()
  expect(check({ topics: [] }, false)).toBe('invalid_request')
})

test('decideHeartbeat() gives the first member epoch 1, even with an empty subscription', () => {
  const joining = request({ topics: [], mayNameUnknownTopics: true })
  const time = { nowMs: 0, lastAssignedAtMs: Number.NEGATIVE_INFINITY }
  const { result } = decideHeartbeat(
    new ConsumerGroup(),
    new TopicDirectory([]),
    joining,
    time,
    groupTimes({}),
  )
  expect(result.memberEpoch).toBe(1)
})

test('decideHeartbeat() limits the different topics of all members, existing or not', () => {
  const group = new ConsumerGroup()
  const directory = new TopicDirectory([])
  const time = { nowMs: 0, lastAssignedAtMs: Number.NEGATIVE_INFINITY }
  const join = (memberId: string, topics: string[]) => {
    const joining = request({ memberId, topics, mayNameUnknownTopics: true })
    const { change } = decideHeartbeat(group, directory, joining, time, groupTimes({}))
    if (change !== null) group.apply(change)
  }
  const members = GROUP_TOPIC_NAMES_MAX / GROUP_TOPICS_MAX
  for (let n = 0; n < members; n++) {
    join(`m${n}`, names(GROUP_TOPICS_MAX, n * GROUP_TOPICS_MAX))
  }
  const joinWith = (topic: string) => refusal(() => join('another', [topic]))
  expect(joinWith('one-more')).toBe('policy_violation')
  expect(group.members.size).toBe(members)
  expect(joinWith('topic-0')).toBeUndefined()
  expect(group.members.size).toBe(members + 1)
})
