/** Operations as the bit fields that a broker of Kafka 4.3 without an authorizer returns. */
import { expect, test } from 'vitest'
import { EdgelogError } from '../../src/core/errors.ts'
import type { ClassicGroupDescription } from '../../src/core/group/classic-api.ts'
import type { GroupDescription } from '../../src/core/group/group-api.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { CONSUMER_GROUP_DESCRIBE } from '../../src/kafka/apis/consumer-group-describe.ts'
import { DESCRIBE_CLUSTER } from '../../src/kafka/apis/describe-cluster.ts'
import { DESCRIBE_GROUPS } from '../../src/kafka/apis/describe-groups.ts'
import { DESCRIBE_TOPIC_PARTITIONS } from '../../src/kafka/apis/describe-topic-partitions.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const CLUSTER = 8_096
const TOPIC = 3_576
const GROUP = 3_400
const NONE = -0x8000_0000

const topic = topicOf('operations')
const missingId = crypto.randomUUID()
const refusal = (
  code: 'unknown_topic_or_partition' | 'unknown_topic_id' | 'group_id_not_found',
) => ({
  error: new EdgelogError(code, 'there is none').toBody(),
})
const classic: ClassicGroupDescription = {
  state: 'empty',
  protocolType: 'consumer',
  protocolName: '',
  generation: 1,
  members: [],
}
const consumer: GroupDescription = {
  groupId: parseGroupId('there'),
  state: 'empty',
  protocol: 'consumer',
  lastProtocol: 'consumer',
  protocolType: 'consumer',
  memberCount: 0,
  groupEpoch: 1,
  assignmentEpoch: 1,
  assignor: 'uniform',
  members: [],
}
const caller = callerOf(
  brokerOf({
    coordinator: {
      getTopic: async (name: string) =>
        name === topic.name ? { ok: topic } : refusal('unknown_topic_or_partition'),
      getTopicById: async () => refusal('unknown_topic_id'),
    },
    group: (name) => ({
      describeClassic: async () =>
        name === 'there' ? { ok: classic } : refusal('group_id_not_found'),
      describe: async () => (name === 'there' ? { ok: consumer } : refusal('group_id_not_found')),
    }),
  }),
)

async function metadata(version: number, isAsked: boolean) {
  const topics = [{ name: topic.name }, { name: 'missing' }]
  return await ask(caller, METADATA, version, {
    topics: version < 10 ? topics : [...topics, { name: null, topicId: missingId }],
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: isAsked,
    includeClusterAuthorizedOperations: isAsked,
  })
}

test.each([
  [8, CLUSTER],
  [10, CLUSTER],
  [11, NONE],
  [13, NONE],
])('returns the operations of topics and cluster in Metadata v%i', async (version, ofCluster) => {
  const asked = await metadata(version, true)
  expect(asked?.clusterAuthorizedOperations).toBe(ofCluster)
  const [there, missing, withoutName] = asked?.topics ?? []
  expect(there).toMatchObject({ errorCode: 0, topicAuthorizedOperations: TOPIC })
  expect(missing).toMatchObject({ errorCode: 3, topicAuthorizedOperations: TOPIC })
  if (version >= 12) {
    expect(withoutName).toMatchObject({ errorCode: 100, topicAuthorizedOperations: NONE })
  }
})

test('returns no operations in a Metadata response unless requested', async () => {
  const response = await metadata(10, false)
  expect(response?.clusterAuthorizedOperations).toBe(NONE)
  expect(response?.topics.map((one) => one.topicAuthorizedOperations)).toEqual([NONE, NONE, NONE])
})

test.each([
  [true, 1, CLUSTER],
  [false, 1, NONE],
  // A broker leaves them out in an error.
  [true, 2, NONE],
])(
  'DescribeCluster, requested %s for endpoint type %i, returns %i',
  async (isAsked, type, operations) => {
    const request = { includeClusterAuthorizedOperations: isAsked, endpointType: type }
    const response = await ask(caller, DESCRIBE_CLUSTER, 1, request)
    expect(response?.clusterAuthorizedOperations).toBe(operations)
  },
)

test('returns nothing about the cluster for another endpoint type', async () => {
  const response = await ask(caller, DESCRIBE_CLUSTER, 1, {
    includeClusterAuthorizedOperations: true,
    endpointType: 2,
  })
  const nothing = { endpointType: 1, clusterId: '', controllerId: -1, brokers: [] }
  expect(response).toMatchObject({ errorCode: 114, ...nothing })
})

test('always returns the operations of topics in DescribeTopicPartitions', async () => {
  const topics = [{ name: 'missing' }, { name: topic.name }]
  const response = await ask(caller, DESCRIBE_TOPIC_PARTITIONS, 0, { topics })
  const coded = response?.topics.map((one) => [one.errorCode, one.topicAuthorizedOperations])
  expect(coded).toEqual([
    [3, TOPIC],
    [0, TOPIC],
  ])
})

test.each([
  [5, true, [0, GROUP], [0, GROUP]],
  [6, true, [0, GROUP], [69, NONE]],
  [6, false, [0, NONE], [69, NONE]],
])(
  'DescribeGroups v%i, requested %s, returns %j and %j',
  async (version, isAsked, there, missing) => {
    const request = { groups: ['there', 'missing'], includeAuthorizedOperations: isAsked }
    const response = await ask(caller, DESCRIBE_GROUPS, version, request)
    const coded = response?.groups.map((one) => [one.errorCode, one.authorizedOperations])
    expect(coded).toEqual([there, missing])
  },
)

test.each([
  [true, GROUP],
  [false, NONE],
])('ConsumerGroupDescribe, requested %s, returns %i', async (isAsked, operations) => {
  const request = { groupIds: ['there', 'missing'], includeAuthorizedOperations: isAsked }
  const response = await ask(caller, CONSUMER_GROUP_DESCRIBE, 1, request)
  const coded = response?.groups.map((one) => [one.errorCode, one.authorizedOperations])
  expect(coded).toEqual([
    [0, operations],
    [69, NONE],
  ])
})
