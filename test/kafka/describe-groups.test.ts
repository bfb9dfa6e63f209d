/** Groups that are too large for one response; needs groups that report the size of their descriptions. */
import { expect, test } from 'vitest'
import { type Result, resultOf } from '../../src/core/errors.ts'
import type { ClassicGroupDescription } from '../../src/core/group/classic-api.ts'
import {
  checkDescriptionSize,
  classicDescriptionBytes,
  descriptionBytes,
} from '../../src/core/group/description-size.ts'
import type { GroupDescription } from '../../src/core/group/group-api.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import {
  DESCRIBED_GROUPS_BYTES_MAX,
  GROUP_MEMBERS_MAX,
  TOPIC_NAME_LENGTH_MAX,
} from '../../src/core/limits.ts'
import { CONSUMER_GROUP_DESCRIBE } from '../../src/kafka/apis/consumer-group-describe.ts'
import { DESCRIBE_GROUPS } from '../../src/kafka/apis/describe-groups.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const INVALID_REQUEST = 42
const COORDINATOR_NOT_AVAILABLE = 15

/** Four members with this metadata, or four times as many with all these topics, exceed one response. */
const METADATA = new Uint8Array(DESCRIBED_GROUPS_BYTES_MAX / 8)
const TOPICS = Array.from({ length: 1_000 }, (_, index) =>
  `${index}`.padEnd(TOPIC_NAME_LENGTH_MAX, 'x'),
)
const LARGE_MEMBERS = 31

const client = { instanceId: null, clientId: 'c', clientHost: 'h' }

function classicGroup(memberCount: number): ClassicGroupDescription {
  const assignment = new Uint8Array(0)
  const members = Array.from({ length: memberCount }, (_, index) => {
    return { memberId: `m${index}`, ...client, metadata: METADATA, assignment }
  })
  return { state: 'stable', protocolType: 'p', protocolName: 'r', generation: 1, members }
}

function consumerGroup(groupId: string, memberCount: number): GroupDescription {
  const subscription = { topics: TOPICS, topicPattern: null, assignment: [], target: [] }
  const members = Array.from({ length: memberCount }, (_, index) => {
    return { memberId: `m${index}`, ...client, memberEpoch: 1, state: 'stable', ...subscription }
  })
  const kind = { protocol: 'consumer', lastProtocol: 'consumer', protocolType: 'consumer' } as const
  const epochs = { groupEpoch: 1, assignmentEpoch: 1, assignor: 'uniform' }
  const summary = { groupId: parseGroupId(groupId), state: 'stable', memberCount } as const
  return { ...summary, ...kind, ...epochs, members }
}

/** Makes groups that are small, large or larger than a response, according to their name. */
function callerWithGroups() {
  const count = (groupId: string, large: number) =>
    ({ s: 0, l: large, x: large * 10 })[groupId[0] ?? ''] ?? 0
  const group = (groupId: string) => ({
    describeClassic: async (maxBytes: number): Promise<Result<ClassicGroupDescription>> =>
      resultOf(() => {
        const description = classicGroup(count(groupId, 1))
        checkDescriptionSize(classicDescriptionBytes(description), maxBytes)
        return description
      }),
    describe: async (maxBytes: number): Promise<Result<GroupDescription>> =>
      resultOf(() => {
        const description = consumerGroup(groupId, count(groupId, LARGE_MEMBERS))
        checkDescriptionSize(descriptionBytes(description), maxBytes)
        return description
      }),
  })
  return callerOf(brokerOf({ group }))
}

const caller = callerWithGroups()
const describeClassic = async (groups: string[]) =>
  (await ask(caller, DESCRIBE_GROUPS, 6, { groups }))?.groups ?? []
const describeConsumer = async (groupIds: string[]) => {
  const request = { groupIds, includeAuthorizedOperations: false }
  return (await ask(caller, CONSUMER_GROUP_DESCRIBE, 1, request))?.groups ?? []
}

test.each([
  ['DescribeGroups', describeClassic],
  ['ConsumerGroupDescribe', describeConsumer],
])('%s describes what fits, and makes clients request the others again', async (_, describe) => {
  const groupIds = ['l1', 's1', 'l2', 'x1', 'l3', 's2', 'l4', 'l5', 's3']
  const first = await describe(groupIds)
  expect(first.map(({ groupId }) => groupId)).toEqual(groupIds)
  const coded = (errorCode: number) =>
    first.filter((one) => one.errorCode === errorCode).map(({ groupId }) => groupId)
  expect(coded(0)).toEqual(expect.arrayContaining(['s1', 's2', 's3', 'l1']))
  expect(coded(INVALID_REQUEST)).toEqual(['x1'])
  const tooLarge = first.find(({ groupId }) => groupId === 'x1')
  expect(tooLarge).toMatchObject({ members: [], groupState: '' })
  expect(tooLarge?.errorMessage).toContain(`at most ${DESCRIBED_GROUPS_BYTES_MAX} are allowed`)
  const left = coded(COORDINATOR_NOT_AVAILABLE)
  expect(left.length).toBeGreaterThan(0)
  const second = await describe(left)
  expect(second.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual(
    left.map((groupId) => [groupId, 0]),
  )
  expect(second.every(({ members }) => members.length > 0)).toBe(true)
})

test('describes as many members as a group may have, with a typical subscription', async () => {
  const topics = TOPICS.slice(0, 50).map((topic) => topic.slice(0, 30))
  const group = consumerGroup('g', GROUP_MEMBERS_MAX)
  const assignment = topics.slice(0, 5).map((topic) => {
    return { topic, topicId: crypto.randomUUID(), partitions: [1, 2] }
  })
  const members = group.members.map((member) => ({
    ...member,
    ...{ topics, assignment, target: assignment },
  }))
  expect(descriptionBytes({ ...group, members })).toBeLessThan(DESCRIBED_GROUPS_BYTES_MAX)
})
