/** Committing offsets separately; needs topics, partitions and a group that fail on demand. */
import { expect, test, vi } from 'vitest'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import {
  type CommitResultOrError,
  commitOffsetsEach,
} from '../../src/broker/commit-offsets-each.ts'
import { fetchOffsetsIfAny } from '../../src/broker/committed-offsets.ts'
import type { TopicReference, WantedOffset } from '../../src/broker/locate-offsets.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import type { CommitRequest, OffsetFetchRequest } from '../../src/core/group/group-api.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX, OFFSET_METADATA_BYTES_MAX } from '../../src/core/limits.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { WAIT } from '../support/until.ts'

const groupId = parseGroupId('g')
const member = { memberId: 'm', epoch: 1, instanceId: null }
const ID = '11111111-2222-4333-8444-555555555555'

function refuse(code: ErrorCode) {
  return { error: new EdgelogError(code, 'no').toBody() }
}

let topicsMade = 0

/** Makes a cluster with one topic of two partitions, with offsets 0 to 10. */
function clusterOf(caches = newCaches()) {
  topicsMade += 1
  const name = parseTopicName(`each-${topicsMade}`)
  const id = ID.replace('1', String(topicsMade % 10))
  const config = resolveTopicConfig({})
  const topic = { id, name, partitions: 2, version: 1, config, overrides: {} }
  const getTopic = vi.fn(async (asked: string) =>
    asked === name ? { ok: { ...topic } } : refuse('unknown_topic_or_partition'),
  )
  const getTopicById = async (asked: string) =>
    asked === topic.id ? { ok: { ...topic } } : refuse('unknown_topic_id')
  const findPartition = async (asked: string) => {
    const found = await getTopic(asked)
    return 'ok' in found ? { ok: { topic: found.ok, isUnopened: false } } : found
  }
  // Nothing is left of a deleted topic.
  const describe = vi.fn(async (objectName: string) =>
    objectName.startsWith(topic.id)
      ? { ok: { partition: 0, logStartOffset: 0, highWatermark: 10, sizeBytes: 0 } }
      : refuse('unknown_topic_or_partition'),
  )
  const commitOffsets = vi.fn(async (_: CommitRequest): Promise<unknown> => ({ ok: null }))
  const summarize = vi.fn(async (): Promise<unknown> => ({ ok: {} }))
  const fetchOffsets = vi.fn(async (_: OffsetFetchRequest): Promise<unknown> => ({ ok: [] }))
  const forgetTopics = vi.fn(async (_: readonly string[]): Promise<unknown> => ({ ok: null }))
  const env = {
    COORDINATOR: {
      getByName: () => ({ getTopic, getTopicById, openPartition: getTopic, findPartition }),
    },
    PARTITION: {
      idFromName: (objectName: string) => objectName,
      get: (objectName: string) => ({ describe: () => describe(objectName) }),
    },
    GROUP: { getByName: () => ({ commitOffsets, summarize, fetchOffsets, forgetTopics }) },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, caches)
  const calls = { getTopic, describe, commitOffsets, summarize, fetchOffsets, forgetTopics }
  return { cluster, name, id, topic, ...calls }
}

function wantedOf(topic: TopicReference, fields: Partial<WantedOffset> = {}): WantedOffset {
  return { topic, partition: 0, offset: 3, leaderEpoch: -1, metadata: '', ...fields }
}

function codesOf(results: readonly CommitResultOrError[]): Array<ErrorCode | null> {
  return results.map((outcome) => outcome?.code ?? null)
}

test('rejects each offset separately, and commits the others in one call', async () => {
  const { cluster, name, id, commitOffsets } = clusterOf()
  const metadata = 'x'.repeat(OFFSET_METADATA_BYTES_MAX)
  const results = await commitOffsetsEach(cluster, groupId, member, [
    wantedOf({ name }, { metadata }),
    wantedOf({ name }, { metadata: `${metadata}x` }),
    wantedOf({ name }, { partition: 2 }),
    wantedOf({ name }, { partition: -1 }),
    wantedOf({ name: 'no-such-topic' }),
    wantedOf({ name: 'not a name' }),
    wantedOf({ id }, { partition: 1, offset: 10_000, leaderEpoch: 4 }),
    wantedOf({ id: ID.replaceAll('1', 'f') }),
    wantedOf({ id: 'not an id' }),
    wantedOf({ name }, { offset: -3 }),
  ])
  expect(codesOf(results)).toEqual([
    null,
    'offset_metadata_too_large',
    'unknown_topic_or_partition',
    'unknown_topic_or_partition',
    'unknown_topic_or_partition',
    'unknown_topic_or_partition',
    // Beyond the end of the log, which Kafka does not check.
    null,
    'unknown_topic_id',
    'unknown_topic_id',
    'offset_out_of_range',
  ])
  expect(commitOffsets.mock.calls).toEqual([
    [
      {
        groupId,
        member,
        offsets: [
          { topicId: id, topic: name, partition: 0, offset: 3, leaderEpoch: -1, metadata },
          { topicId: id, topic: name, partition: 1, offset: 10_000, leaderEpoch: 4, metadata: '' },
        ],
      },
    ],
  ])
})

test('resolves -2 and -1 to the ends of the log', async () => {
  const { cluster, name, commitOffsets } = clusterOf()
  const wanted = [wantedOf({ name }, { offset: -2 }), wantedOf({ name }, { offset: -1 })]
  const results = await commitOffsetsEach(cluster, groupId, member, wanted)
  expect(codesOf(results)).toEqual([null, null])
  expect(commitOffsets.mock.calls[0]?.[0].offsets.map(({ offset }) => offset)).toEqual([0, 10])
})

test('returns an error of the group for every offset', async () => {
  const { cluster, name, commitOffsets } = clusterOf()
  commitOffsets.mockResolvedValue(refuse('rebalance_in_progress'))
  const results = await commitOffsetsEach(cluster, groupId, member, [
    wantedOf({ name }),
    wantedOf({ name: 'no-such-topic' }),
    wantedOf({ name }, { partition: 1 }),
  ])
  const code = 'rebalance_in_progress'
  expect(codesOf(results)).toEqual([code, 'unknown_topic_or_partition', code])
})

test('does not call the group if no offset is left', async () => {
  const { cluster, name, commitOffsets } = clusterOf()
  const wanted = [wantedOf({ name }, { partition: 7 })]
  expect(codesOf(await commitOffsetsEach(cluster, groupId, member, wanted))).toEqual([
    'unknown_topic_or_partition',
  ])
  expect(await commitOffsetsEach(cluster, groupId, member, [])).toEqual([])
  expect(commitOffsets).not.toHaveBeenCalled()
})

test('looks a missing topic up once, however many of its partitions are named', async () => {
  const { cluster, getTopic } = clusterOf()
  const wanted = Array.from({ length: 60 }, (_, partition) =>
    wantedOf({ name: 'no-such-topic' }, { partition }),
  )
  await commitOffsetsEach(cluster, groupId, member, wanted)
  expect(getTopic).toHaveBeenCalledTimes(1)
})

test('rejects more offsets than one commit may have', async () => {
  const { cluster, name, commitOffsets } = clusterOf()
  const wanted = Array.from({ length: COMMIT_OFFSETS_MAX + 1 }, () => wantedOf({ name }))
  const results = await commitOffsetsEach(cluster, groupId, member, wanted)
  expect(new Set(codesOf(results))).toEqual(new Set(['invalid_request']))
  expect(commitOffsets).not.toHaveBeenCalled()
})

test.each([
  ['without a member to a group that has some', null, 'non_empty_group', 'ok', 'unknown_member_id'],
  ['of an unknown member', member, 'unknown_member_id', 'ok', 'unknown_member_id'],
  [
    'of a member of a deleted group',
    member,
    'unknown_member_id',
    'group_id_not_found',
    'group_id_not_found',
  ],
  [
    'of a member of a group that does not respond',
    member,
    'unknown_member_id',
    'throttled',
    'unknown_member_id',
  ],
] as const)("returns Kafka's error for a commit %s", async (_, member, refused, there, code) => {
  const { cluster, name, commitOffsets, summarize } = clusterOf()
  commitOffsets.mockResolvedValue(refuse(refused))
  if (there !== 'ok') summarize.mockResolvedValue(refuse(there))
  const results = await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  expect(codesOf(results)).toEqual([code])
})

test.each([
  ['of a member whose group does not track topics', member],
  ['without a member', null],
])(
  "commits offsets %s under the topic's current id, though the edge has the old one cached",
  async (_, member) => {
    const { cluster, name, id, topic, commitOffsets, forgetTopics } = clusterOf()
    const wanted = [wantedOf({ name }), wantedOf({ name }, { partition: 1 })]
    // Now the edge has the topic and its log ends cached.
    await commitOffsetsEach(cluster, groupId, member, wanted)
    topic.id = ID.replaceAll('2', 'd')
    expect(codesOf(await commitOffsetsEach(cluster, groupId, member, wanted))).toEqual([null, null])
    const committed = commitOffsets.mock.lastCall?.[0].offsets.map(({ topicId }) => topicId)
    expect(committed).toEqual([topic.id, topic.id])
    // The group must not keep the offsets of the old topic.
    expect(forgetTopics.mock.calls).toEqual([[[id]]])
  },
)

test('commits offsets of recently read partitions with one parallel call of a partition per topic', async () => {
  const { cluster, name, id, getTopic, describe, commitOffsets, forgetTopics } = clusterOf()
  const wanted = [wantedOf({ name }), wantedOf({ name }, { partition: 1 })]
  await commitOffsetsEach(cluster, groupId, member, wanted)
  for (const call of [getTopic, describe, commitOffsets]) call.mockClear()
  const described = Promise.withResolvers<Awaited<ReturnType<typeof describe>>>()
  const result = await describe(`${id}/0`)
  describe.mockClear()
  describe.mockReturnValue(described.promise)
  const committing = commitOffsetsEach(cluster, groupId, member, wanted)
  await vi.waitFor(() => expect(describe).toHaveBeenCalledTimes(1), WAIT)
  expect(commitOffsets, 'before the partition has answered').toHaveBeenCalledTimes(1)
  described.resolve(result)
  expect(codesOf(await committing)).toEqual([null, null])
  expect(describe).toHaveBeenCalledTimes(1)
  expect(commitOffsets).toHaveBeenCalledTimes(1)
  expect(getTopic).not.toHaveBeenCalled()
  expect(forgetTopics).not.toHaveBeenCalled()
})

test("commits under the cached id if the topic's partition does not respond", async () => {
  const { cluster, name, id, describe, commitOffsets } = clusterOf()
  await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  describe.mockRejectedValue(new Error('the object was reset'))
  const results = await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  expect(codesOf(results)).toEqual([null])
  expect(commitOffsets.mock.lastCall?.[0].offsets).toMatchObject([{ topicId: id }])
})

test('rejects offsets of a deleted topic, and leaves none in the group', async () => {
  const { cluster, name, id, topic, getTopic, commitOffsets, forgetTopics } = clusterOf()
  await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  topic.id = 'none'
  getTopic.mockResolvedValue(refuse('unknown_topic_or_partition'))
  commitOffsets.mockClear()
  const commit = () => commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  expect(codesOf(await commit())).toEqual(['unknown_topic_or_partition'])
  expect(forgetTopics.mock.calls).toEqual([[[id]]])
  // Now the edge has the topic cached.
  expect(codesOf(await commit())).toEqual(['unknown_topic_or_partition'])
  expect(commitOffsets).toHaveBeenCalledTimes(1)
})

test.each([
  ['that is fenced in the meantime', 'fenced_member_epoch', 'fenced_member_epoch'],
  ['whose group does not delete the old offsets', null, null],
] as const)('commits offsets of a recreated topic for a member %s', async (_, refused, code) => {
  const { cluster, name, topic, commitOffsets, forgetTopics } = clusterOf()
  await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  topic.id = ID.replaceAll('2', 'f')
  commitOffsets.mockResolvedValueOnce({ ok: null })
  if (refused !== null) commitOffsets.mockResolvedValueOnce(refuse(refused))
  forgetTopics.mockRejectedValue(new Error('network connection lost'))
  const results = await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  expect(codesOf(results)).toEqual([code])
  expect(commitOffsets).toHaveBeenCalledTimes(3)
})

test('commits offsets beyond the end of the recreated topic, as Kafka does not check them', async () => {
  const { cluster, name, topic, describe, commitOffsets } = clusterOf()
  await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name }, { offset: 10 })])
  topic.id = ID.replaceAll('2', 'a')
  describe.mockImplementation(async (objectName) =>
    objectName.startsWith(topic.id)
      ? { ok: { partition: 0, logStartOffset: 0, highWatermark: 0, sizeBytes: 0 } }
      : refuse('unknown_topic_or_partition'),
  )
  const wanted = [wantedOf({ name }, { offset: 10 }), wantedOf({ name }, { offset: -1 })]
  expect(codesOf(await commitOffsetsEach(cluster, groupId, member, wanted))).toEqual([null, null])
  const committed = commitOffsets.mock.lastCall?.[0].offsets
  expect(committed?.map(({ topicId, offset }) => [topicId, offset])).toEqual([
    [topic.id, 10],
    [topic.id, 0],
  ])
})

test('commits offsets of a recreated topic and of another one together under the current ids', async () => {
  const caches = newCaches()
  const { cluster, name, topic, describe, commitOffsets, forgetTopics } = clusterOf(caches)
  const other = clusterOf(caches)
  const [asked, askedOther] = [describe.getMockImplementation(), other.describe]
  describe.mockImplementation(async (objectName) =>
    objectName.startsWith(other.id) ? askedOther(objectName) : (asked?.(objectName) as never),
  )
  await other.cluster.topics.get(other.name)
  const wanted = [wantedOf({ name }), wantedOf({ name: other.name })]
  await commitOffsetsEach(cluster, groupId, member, wanted)
  topic.id = ID.replaceAll('2', 'b')
  // In the consumer protocol the group tracks topics, and commits all or nothing.
  commitOffsets.mockResolvedValueOnce(refuse('stale_member_epoch'))
  expect(codesOf(await commitOffsetsEach(cluster, groupId, member, wanted))).toEqual([null, null])
  expect(commitOffsets.mock.lastCall?.[0].offsets.map(({ topicId }) => topicId)).toEqual([
    topic.id,
    other.id,
  ])
  expect(forgetTopics).toHaveBeenCalledTimes(1)
})

test('commits offsets of a recreated topic under the id that the group has while its deletion is still running', async () => {
  const { cluster, name, id, topic, describe, commitOffsets } = clusterOf()
  const there = await describe(`${id}/0`)
  describe.mockImplementation(async () => there)
  await commitOffsetsEach(cluster, groupId, member, [wantedOf({ name })])
  topic.id = ID.replaceAll('2', 'e')
  commitOffsets.mockResolvedValueOnce(refuse('stale_member_epoch'))
  const wanted = [wantedOf({ name }), wantedOf({ id }, { partition: 1 })]
  const results = await commitOffsetsEach(cluster, groupId, member, wanted)
  expect(codesOf(results)).toEqual([null, 'unknown_topic_id'])
  expect(commitOffsets.mock.lastCall?.[0].offsets).toMatchObject([{ topicId: topic.id }])
})

test('fetchOffsetsIfAny() fetches for given topics and a member, and returns nothing for a missing group', async () => {
  const { cluster, fetchOffsets } = clusterOf()
  const request = { topics: ['a', 'b'], member }
  expect(await fetchOffsetsIfAny(cluster, groupId, request)).toEqual([])
  expect(fetchOffsets).toHaveBeenCalledWith(request)
  fetchOffsets.mockResolvedValue(refuse('group_id_not_found'))
  expect(await fetchOffsetsIfAny(cluster, groupId, {})).toEqual([])
  fetchOffsets.mockResolvedValue(refuse('stale_member_epoch'))
  await expect(fetchOffsetsIfAny(cluster, groupId, request)).rejects.toMatchObject({
    code: 'stale_member_epoch',
  })
})
