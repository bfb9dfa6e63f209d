/** Committed offsets of a topic that was recreated while the edge has the old one cached. */
import { expect, test, vi } from 'vitest'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { commitOffsets, fetchOffsets } from '../../src/broker/committed-offsets.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { EdgelogError, type Result } from '../../src/core/errors.ts'
import type { CommitRequest } from '../../src/core/group/group-api.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const groupId = parseGroupId('g')
const member = { memberId: 'm', epoch: 1, instanceId: null }

/** Makes a cluster whose topic has the id `topic.id`, and a group that accepts only this id. */
function clusterWith(name: string, topic: { id: string; partitions?: number }) {
  const stored = {
    topic: name,
    partition: 0,
    offset: 7,
    leaderEpoch: -1,
    metadata: '',
    committedAtMs: 0,
  }
  const config = resolveTopicConfig({})
  const getTopic = vi.fn(async () => ({
    ok: {
      id: topic.id,
      name,
      partitions: topic.partitions ?? 1,
      version: topic.partitions ?? 1,
      config,
      overrides: {},
    },
  }))
  const findPartition = async () => ({ ok: { topic: (await getTopic()).ok, isUnopened: false } })
  // Nothing is left of a deleted topic.
  const describe = async (objectName: string) =>
    objectName.startsWith(topic.id)
      ? { ok: { partition: 0, logStartOffset: 0, highWatermark: 10, sizeBytes: 0 } }
      : { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }
  const commit = vi.fn(async ({ offsets }: CommitRequest): Promise<Result<null>> => {
    if (offsets.every(({ topicId }) => topicId === topic.id)) return { ok: null }
    return { error: new EdgelogError('stale_member_epoch', 'not with the member').toBody() }
  })
  const kept: Array<typeof stored & { topicId: string }> = []
  const fetch = async () => {
    return { ok: kept.length > 0 ? kept : [{ ...stored, topicId: topic.id }] }
  }
  const forgetTopics = vi.fn(async (_: readonly string[]) => ({ ok: null }))
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic, openPartition: getTopic, findPartition }) },
    PARTITION: {
      idFromName: (id: string) => id,
      get: (id: string) => ({ describe: () => describe(id) }),
    },
    GROUP: { getByName: () => ({ commitOffsets: commit, fetchOffsets: fetch, forgetTopics }) },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
  return { cluster, getTopic, commit, stored, kept, forgetTopics }
}

test("fetches offsets under the topic's current id", async () => {
  const topic = { id: 'old' }
  const name = parseTopicName('fetched-anew')
  const { cluster } = clusterWith(name, topic)
  await cluster.topics.get(name)
  topic.id = 'new'
  expect(await fetchOffsets(cluster, groupId)).toMatchObject([{ topicId: 'new', offset: 7 }])
})

test('does not return offsets of the old topic for the recreated one', async () => {
  const topic = { id: 'old' }
  const name = parseTopicName('kept-of-both')
  const { cluster, getTopic, stored, kept, forgetTopics } = clusterWith(name, topic)
  kept.push({ ...stored, topicId: 'old', offset: 7 }, { ...stored, topicId: 'new', offset: 3 })
  await cluster.topics.get(name)
  topic.id = 'new'
  getTopic.mockClear()
  expect(await fetchOffsets(cluster, groupId)).toMatchObject([{ topicId: 'new', offset: 3 }])
  expect(forgetTopics.mock.calls).toEqual([[['old']]])
  // One look-up for both.
  expect(getTopic).toHaveBeenCalledTimes(1)
})

test("commits offsets under the topic's current id", async () => {
  const topic = { id: 'old' }
  const name = parseTopicName('committed-anew')
  const { cluster, commit } = clusterWith(name, topic)
  const offset = { topic: name, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }
  // Now the edge has the topic and its log ends cached.
  await commitOffsets(cluster, groupId, member, [offset])
  topic.id = 'new'
  await commitOffsets(cluster, groupId, member, [offset])
  expect(commit.mock.calls.map(([{ offsets }]) => offsets[0]?.topicId)).toEqual([
    'old',
    'old',
    'new',
  ])
})

test("commits offsets without a member under the topic's current id", async () => {
  const topic = { id: 'old' }
  const name = parseTopicName('by-hand-anew')
  const { cluster, commit } = clusterWith(name, topic)
  const offset = { topic: name, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }
  await commitOffsets(cluster, groupId, member, [offset])
  topic.id = 'new'
  await commitOffsets(cluster, groupId, null, [offset])
  expect(commit.mock.lastCall?.[0].offsets).toMatchObject([{ topicId: 'new' }])
})

test('commits offsets of a partition that was added to the topic', async () => {
  const topic = { id: 'same', partitions: 1 }
  const name = parseTopicName('grown')
  const { cluster, commit } = clusterWith(name, topic)
  await cluster.topics.get(name)
  topic.partitions = 2
  const offset = { topic: name, partition: 1, offset: 3, leaderEpoch: -1, metadata: '' }
  await commitOffsets(cluster, groupId, member, [offset])
  expect(commit.mock.lastCall?.[0].offsets).toMatchObject([{ partition: 1 }])
})

test('fails without a retry for offsets that the member does not own', async () => {
  const name = parseTopicName('not-held')
  const { cluster, commit } = clusterWith(name, { id: 'same' })
  commit.mockImplementation(async () => ({
    error: new EdgelogError('stale_member_epoch', 'not with the member').toBody(),
  }))
  const offset = { topic: name, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }
  await expect(commitOffsets(cluster, groupId, member, [offset])).rejects.toMatchObject({
    code: 'stale_member_epoch',
  })
  expect(commit).toHaveBeenCalledTimes(1)
})
