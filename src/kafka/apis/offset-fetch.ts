/**
 * Kafka's OffsetFetch (key 9): returns the committed offsets of groups: of one up to version 7, of many from version 8
 * on (KIP-709). Null topics stand for all topics of the group.
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { topicResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import type { CommittedOffset } from '../../core/group/group-api.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  bool,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'
import { uniqueBy } from '../unique-names.ts'

const { errorNumber } = errorNumbersOf('offsetFetch')

const GROUPS_SINCE = 8
const IDS_SINCE = 10

export const OFFSET_FETCH = messages({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleSince: 6,
  request: {
    groupId: string.in('0-7').or(''),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .in('0-7')
      .nullableIn('2-7')
      .or([]),
    groups: array({
      groupId: string,
      memberId: nullableString.in('9+').or(null),
      memberEpoch: int32.in('9+').or(-1),
      topics: nullableArray({
        name: string.in('8-9').or(''),
        topicId: uuid.in('10+').or(NO_UUID),
        partitionIndexes: array(int32),
      }),
    })
      .in('8+')
      .or([]),
    requireStable: bool.in('7+').or(false),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: long,
        committedLeaderEpoch: int32.in('5-7').or(-1),
        metadata: nullableString,
        errorCode: int16,
      }),
    })
      .in('0-7')
      .or([]),
    errorCode: int16.in('2-7').or(0),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in('8-9'),
        topicId: uuid.in('10+'),
        partitions: array({
          partitionIndex: int32,
          committedOffset: long,
          committedLeaderEpoch: int32.or(-1),
          metadata: nullableString,
          errorCode: int16,
        }),
      }),
      errorCode: int16.or(0),
    })
      .in('8+')
      .or([]),
  },
})

export type OffsetFetchRequest = RequestOf<typeof OFFSET_FETCH>
export type OffsetFetchResponse = ResponseOf<typeof OFFSET_FETCH>

export const offsetFetchApi = handled(OFFSET_FETCH, async (request, { broker, version }) => {
  if (version >= GROUPS_SINCE) {
    const groups = uniqueBy(request.groups, ({ groupId }) => groupId)
    return { groups: await fanOut(groups, (group) => fetchGroup(broker, group, request, version)) }
  }
  const { groupId } = request
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: NO_UUID })) ?? null
  const wanted = { groupId, memberId: null, memberEpoch: -1, topics }
  const group = await fetchGroup(broker, wanted, request, version)
  // Version 1 has no top-level error, so it is repeated for each partition.
  const errorCode = group.errorCode ?? NO_ERROR
  return { errorCode, topics: group.topics.map((topic) => withError(topic, errorCode)) }
})

type WantedGroup = OffsetFetchRequest['groups'][number]
type WantedTopic = NonNullable<WantedGroup['topics']>[number]
type FetchedGroup = NonNullable<OffsetFetchResponse['groups']>[number]
type FetchedTopic = FetchedGroup['topics'][number]
type FetchedPartition = FetchedTopic['partitions'][number]

async function fetchGroup(
  broker: Broker,
  { groupId, memberId, memberEpoch, topics }: WantedGroup,
  { requireStable }: Pick<OffsetFetchRequest, 'requireStable'>,
  version: number,
): Promise<FetchedGroup> {
  try {
    const named = topics && (await fanOut(topics, (topic) => nameOf(broker, topic, version)))
    const names = named?.filter((name) => typeof name === 'string')
    const member = memberId === null || memberEpoch < 0 ? null : { memberId, epoch: memberEpoch }
    const offsets = await broker.offsets.fetchIfAny(parseGroupId(groupId), {
      requireStable,
      ...(names !== undefined && { topics: names }),
      ...(member !== null && { member: { ...member, instanceId: null } }),
    })
    const wanted =
      topics?.map((topic, index) => ({
        ...topic,
        located: named?.[index] as string | EdgelogError,
      })) ?? null
    return { groupId, topics: wanted === null ? allOf(offsets) : wantedOf(wanted, offsets) }
  } catch (error) {
    const errorCode = errorNumber(error)
    const unknown = topics?.map((topic) => ({ ...topic, located: topic.name })) ?? []
    return { groupId, errorCode, topics: wantedOf(unknown, []) }
  }
}

/** Returns the name of a topic, or the error for its partitions alone. */
async function nameOf(
  broker: Broker,
  { name, topicId }: WantedTopic,
  version: number,
): Promise<string | EdgelogError> {
  if (version < IDS_SINCE) {
    return (await broker.access.refusal('describe', topicResource(name))) ?? name
  }
  try {
    return (await broker.topics.find({ id: topicId }, 'describe')).name
  } catch (error) {
    if (error instanceof EdgelogError && !error.retryable) return error
    throw error
  }
}

interface LocatedTopic extends WantedTopic {
  readonly located: string | EdgelogError
}

function wantedOf(
  wanted: readonly LocatedTopic[],
  offsets: readonly CommittedOffset[],
): FetchedTopic[] {
  const known = new Map(offsets.map((one) => [`${one.topic}/${one.partition}`, one]))
  const topics = uniqueBy(wanted, ({ name, topicId }) => `${name} ${topicId}`)
  return topics.map(({ name, located, topicId, partitionIndexes }) => ({
    name: typeof located === 'string' ? located : name,
    topicId,
    partitions: [...new Set(partitionIndexes)].map((partitionIndex) =>
      located instanceof EdgelogError
        ? { ...nothing(partitionIndex), errorCode: numberOf(located.code) }
        : partitionOf(partitionIndex, known.get(`${located}/${partitionIndex}`)),
    ),
  }))
}

function allOf(offsets: readonly CommittedOffset[]): FetchedTopic[] {
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic)
  return [...byTopic].map(([name, committed]) => ({
    name,
    topicId: committed[0]?.topicId ?? NO_UUID,
    partitions: committed.map((one) => partitionOf(one.partition, one)),
  }))
}

function partitionOf(
  partitionIndex: number,
  committed: CommittedOffset | undefined,
): FetchedPartition {
  if (committed === undefined) return nothing(partitionIndex)
  if (committed.isUnstable) {
    return { ...nothing(partitionIndex), errorCode: numberOf('unstable_offset_commit') }
  }
  const { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata } = committed
  return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode: NO_ERROR }
}

/** A missing offset is not an error. */
function nothing(partitionIndex: number): FetchedPartition {
  return { partitionIndex, committedOffset: -1, metadata: '', errorCode: NO_ERROR }
}

function withError({ name, partitions }: FetchedTopic, errorCode: number) {
  return {
    name,
    partitions: partitions.map((one) => (errorCode === NO_ERROR ? one : { ...one, errorCode })),
  }
}
