/** The error numbers that each API may return: clients give up at numbers that they do not expect from the API. */
import { expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { EdgelogError, ERRORS, type ErrorCode } from '../../src/core/errors.ts'
import type { Messages } from '../../src/core/kafka/schema.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { CONSUMER_GROUP_DESCRIBE } from '../../src/kafka/apis/consumer-group-describe.ts'
import { CONSUMER_GROUP_HEARTBEAT } from '../../src/kafka/apis/consumer-group-heartbeat.ts'
import { CREATE_TOPICS } from '../../src/kafka/apis/create-topics.ts'
import { DELETE_GROUPS } from '../../src/kafka/apis/delete-groups.ts'
import { DELETE_RECORDS } from '../../src/kafka/apis/delete-records.ts'
import { DELETE_TOPICS } from '../../src/kafka/apis/delete-topics.ts'
import { DESCRIBE_CONFIGS } from '../../src/kafka/apis/describe-configs.ts'
import { DESCRIBE_GROUPS } from '../../src/kafka/apis/describe-groups.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { HEARTBEAT } from '../../src/kafka/apis/heartbeat.ts'
import { JOIN_GROUP } from '../../src/kafka/apis/join-group.ts'
import { LEAVE_GROUP } from '../../src/kafka/apis/leave-group.ts'
import { LIST_GROUPS } from '../../src/kafka/apis/list-groups.ts'
import { LIST_OFFSETS } from '../../src/kafka/apis/list-offsets.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { OFFSET_COMMIT } from '../../src/kafka/apis/offset-commit.ts'
import { OFFSET_DELETE } from '../../src/kafka/apis/offset-delete.ts'
import { OFFSET_FETCH } from '../../src/kafka/apis/offset-fetch.ts'
import { OFFSET_FOR_LEADER_EPOCH } from '../../src/kafka/apis/offset-for-leader-epoch.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { SYNC_GROUP } from '../../src/kafka/apis/sync-group.ts'
import { type ApiKind, errorNumbersOf } from '../../src/kafka/error-number.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const ALL_CODES = Object.keys(ERRORS) as ErrorCode[]
/** UNKNOWN_SERVER_ERROR, REQUEST_TIMED_OUT, THROTTLING_QUOTA_EXCEEDED: for any failure, and for a quota. */
const GENERAL = [-1, 7, 89]

test.each<[ApiKind, number]>([
  ['partition', 6],
  ['produce', 7],
  ['group', 15],
  ['offsetFetch', 16],
  ['metadata', 5],
  ['admin', 7],
])(
  'maps temporary errors of the API kind %s to the number %i, and all others to their own',
  (kind, passing) => {
    const { errorNumber } = errorNumbersOf(kind)
    for (const code of ALL_CODES) {
      const own: number = ERRORS[code].kafka
      const isOfTopicName = code === 'invalid_topic' && (kind === 'partition' || kind === 'produce')
      const expected = isOfTopicName ? 3 : GENERAL.includes(own) ? passing : own
      expect(errorNumber(new EdgelogError(code, 'why')), code).toBe(expected)
    }
  },
)

test('cuts a message to the limit of a response, and rethrows unexpected errors', () => {
  const { errorFields } = errorNumbersOf('admin')
  const { errorMessage } = errorFields(new EdgelogError('invalid_request', 'x'.repeat(100_000)))
  expect(errorMessage.length).toBeLessThan(32_767)
  expect(() => errorFields(new TypeError('a defect'))).toThrow('a defect')
})

// -- all APIs that ask an object -----------------------------------------------------------------

const id = '00000000-0000-4000-8000-000000000001'
const name = parseTopicName('numbered')
const topic = topicOf(name, { id })
const records = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
const member = { memberId: 'm', groupId: 'g' }
const generation = { ...member, generationId: 1 }
const offset = { partitionIndex: 0, committedOffset: 5, committedMetadata: null }
const produced = [{ name, topicId: id, partitions: [{ index: 0, records }] }]
const fetchedPartition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 9 }
const fetched = { topic: name, topicId: id, partitions: [fetchedPartition] }
const fetch = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: 9, forgottenTopicsData: [] }
const listed = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]

/** One request per API that must call an object. */
const REQUESTS: ReadonlyArray<readonly [Messages, number, Record<string, unknown>]> = [
  [PRODUCE, 9, { acks: -1, timeoutMs: 1, topics: produced }],
  [FETCH, 12, { ...fetch, topics: [fetched] }],
  [FETCH, 17, { ...fetch, topics: [fetched] }],
  [FETCH, 17, { ...fetch, topics: [fetched, { ...fetched, partitions: [fetchedPartition] }] }],
  [LIST_OFFSETS, 7, { replicaId: -1, isolationLevel: 0, topics: listed }],
  [
    OFFSET_FOR_LEADER_EPOCH,
    4,
    { topics: [{ topic: name, partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
  ],
  [
    DELETE_RECORDS,
    2,
    { timeoutMs: 1, topics: [{ name, partitions: [{ partitionIndex: 0, offset: 1 }] }] },
  ],
  [JOIN_GROUP, 9, { ...member, sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols: [] }],
  [SYNC_GROUP, 5, { ...generation, assignments: [] }],
  [HEARTBEAT, 4, generation],
  [LEAVE_GROUP, 2, member],
  [LEAVE_GROUP, 5, { groupId: 'g', members: [{ memberId: 'm' }] }],
  [OFFSET_COMMIT, 9, { ...member, topics: [{ name, partitions: [offset] }] }],
  [OFFSET_FETCH, 1, { groupId: 'g', topics: [{ name, partitionIndexes: [0] }] }],
  [OFFSET_FETCH, 9, { groups: [{ groupId: 'g', topics: null }] }],
  [OFFSET_DELETE, 0, { groupId: 'g', topics: [{ name, partitions: [{ partitionIndex: 0 }] }] }],
  [CONSUMER_GROUP_HEARTBEAT, 1, { ...member, memberEpoch: 1 }],
  [CONSUMER_GROUP_DESCRIBE, 1, { groupIds: ['g'], includeAuthorizedOperations: false }],
  [DESCRIBE_GROUPS, 6, { groups: ['g'] }],
  [LIST_GROUPS, 5, {}],
  [DELETE_GROUPS, 2, { groupsNames: ['g'] }],
  [METADATA, 12, { topics: [{ name, topicId: '00000000-0000-0000-0000-000000000000' }] }],
]
const ADMIN_REQUESTS: typeof REQUESTS = [
  [
    CREATE_TOPICS,
    7,
    { topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] },
  ],
  [DELETE_TOPICS, 6, { topics: [{ name }], timeoutMs: 1 }],
  [
    DESCRIBE_CONFIGS,
    4,
    { resources: [{ resourceType: 2, resourceName: name, configurationKeys: null }] },
  ],
]

/** Returns all methods of an object that fails with `code`. */
function failing(code: ErrorCode) {
  const refusal = async () => ({ error: new EdgelogError(code, 'why').toBody() })
  return new Proxy({}, { get: () => refusal })
}

function numbersIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.entries(value).flatMap(([field, inner]) =>
    field === 'errorCode' ? [Number(inner)] : numbersIn(inner),
  )
}

async function numbersOf(
  [messages, version, request]: (typeof REQUESTS)[number],
  code: ErrorCode,
  isCoordinatorThere: boolean,
): Promise<number[]> {
  const found = async () => ({ ok: topic })
  const broker = brokerOf({
    coordinator: isCoordinatorThere ? { getTopic: found, getTopicById: found } : failing(code),
    partition: () => failing(code),
    group: () => failing(code),
  })
  const response = await ask(callerOf(broker), messages, version, request as never)
  expect(response, 'the connection is not closed').toBeDefined()
  const { topicConfigErrorCode: _, ...rest } = response as Record<string, unknown>
  return numbersIn(rest).filter((number) => number !== 0)
}

const PASSING: readonly ErrorCode[] = ['unavailable', 'throttled', 'internal']

test.each(REQUESTS.map((one) => [`${one[0].name} v${one[1]}`, one] as const))(
  '%s maps no temporary error to a number that its clients treat as permanent',
  async (_, one) => {
    const allowed = one[0] === PRODUCE ? [7] : [5, 6, 15, 16]
    const numbers: number[] = []
    for (const code of PASSING) {
      for (const isCoordinatorThere of [false, true]) {
        numbers.push(...(await numbersOf(one, code, isCoordinatorThere)))
      }
    }
    expect(numbers.length).toBeGreaterThan(0)
    expect(numbers.filter((number) => !allowed.includes(number))).toEqual([])
  },
)

test.each(ADMIN_REQUESTS.map((one) => [one[0].name, one] as const))(
  '%s returns REQUEST_TIMED_OUT',
  async (_, one) => {
    for (const code of PASSING)
      expect(new Set(await numbersOf(one, code, false))).toEqual(new Set([7]))
  },
)
