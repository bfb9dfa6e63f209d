/**
 * Kafka's Fetch (key 1): reads record batches of partitions, and may wait for them. Fetch sessions (KIP-227) are not
 * supported: session 0 in the response makes a client name all its partitions each time.
 */

import { fanOut } from '../../broker/fan-out.ts'
import type { FetchResultOrError, WantedPartition } from '../../broker/fetch-many.ts'
import type { CalledTopic } from '../../broker/topic-metadata.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int8,
  int16,
  int32,
  int64,
  long,
  messages,
  NO_UUID,
  nullableArray,
  nullableBytes,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  struct,
  uuid,
} from '../../core/kafka/schema.ts'
import { WAIT_MS_MAX } from '../../core/limits.ts'
import type { IsolationLevel, LogEnds } from '../../core/log/log-ends.ts'
import type { AbortedTransaction } from '../../core/log/transactions.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'
import { isolationOf } from '../isolation-level.ts'
import { epochError } from '../leader-epoch.ts'
import { calledTopic } from '../named-topic.ts'
import { leaderIdAndEpoch, nodeEndpoints } from './leader-fields.ts'

const { errorNumber } = errorNumbersOf('partition')

/** Older versions name topics (KIP-516). */
const IDS_SINCE = 13
const NO_RECORDS = new Uint8Array(0)

/** Sent by a follower that does not send its high watermark. */
const NO_HIGH_WATERMARK = 0x7fff_ffff_ffff_ffffn

export const FETCH = messages({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleSince: 12,
  request: {
    clusterId: nullableString.or(null).tag(0, '12+'),
    replicaId: int32.in('0-14').or(-1),
    replicaState: struct({ replicaId: int32.or(-1), replicaEpoch: long.or(-1) }).tag(1, '15+'),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.or(0x7fff_ffff),
    /** 0: read uncommitted, 1: read committed. */
    isolationLevel: int8.or(0),
    sessionId: int32.in('7+').or(0),
    /** -1 for no session, 0 for a new one. */
    sessionEpoch: int32.in('7+').or(-1),
    topics: array({
      topic: string.in('0-12').or(''),
      topicId: uuid.in('13+').or(NO_UUID),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.in('9+').or(-1),
        fetchOffset: long,
        lastFetchedEpoch: int32.in('12+').or(-1),
        logStartOffset: long.in('5+').or(-1),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.tag(0, '17+'),
        highWatermark: int64.or(NO_HIGH_WATERMARK).tag(1, '18+'),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.in('7-12').or(''),
      topicId: uuid.in('13+').or(NO_UUID),
      partitions: array(int32),
    })
      .in('7+')
      .or([]),
    rackId: string.in('11+').or(''),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.in('7+').or(0),
    sessionId: int32.in('7+').or(0),
    topics: array({
      topic: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: long,
        lastStableOffset: long.or(-1),
        logStartOffset: long.in('5+').or(-1),
        divergingEpoch: struct({ epoch: int32.or(-1), endOffset: long.or(-1) }).tag(0, '12+'),
        currentLeader: leaderIdAndEpoch.tag(1, '12+'),
        snapshotId: struct({ endOffset: long.or(-1), epoch: int32.or(-1) }).tag(2, '12+'),
        abortedTransactions: nullableArray({ producerId: int64, firstOffset: long }).or(null),
        preferredReadReplica: int32.in('11+').or(-1),
        records: nullableBytes,
      }),
    }),
    nodeEndpoints: nodeEndpoints.tag(0, '16+'),
  },
})

export type FetchRequest = RequestOf<typeof FETCH>
export type FetchResponse = ResponseOf<typeof FETCH>

/** Reads partitions. Needs none of Kafka's session and epoch rules: there are no sessions, and one leader epoch. */
export const fetchApi = handled(FETCH, async (request, { broker, version, responseBytesMax }) => {
  const hasIds = version >= IDS_SINCE
  const asked: Asked[] = await fanOut(
    request.topics,
    async ({ topic: name, topicId, partitions }) => {
      const topic = await toResult(() => calledTopic(broker, { name, topicId }, hasIds, 'read'))
      return { name, topicId, topic, partitions }
    },
  )
  const isolation = isolationOf(request.isolationLevel)
  const wanted: WantedPartition[] = []
  /** Partitions that fail before they are read. */
  const refusals = new Map<AskedPartition, EdgelogError>()
  for (const { topic, partitions } of asked) {
    for (const one of partitions) {
      const refusal = topic instanceof EdgelogError ? topic : refusalOf(one)
      if (refusal !== undefined) refusals.set(one, refusal)
      else wanted.push(wantedOf(topic as CalledTopic, one))
    }
  }
  const results = await broker.records.fetchMany(wanted, {
    maxBytes: Math.min(Math.max(0, request.maxBytes), responseBytesMax),
    minBytes: Math.min(Math.max(0, request.minBytes), responseBytesMax),
    maxWaitMs: refusals.size > 0 ? 0 : Math.min(Math.max(0, request.maxWaitMs), WAIT_MS_MAX),
    isolation,
  })
  const next = results.values()
  return {
    topics: asked.map(({ name, topicId, partitions }) => ({
      topic: name,
      topicId,
      partitions: partitions.map((one) =>
        partitionResponse(
          one,
          refusals.get(one) ?? (next.next().value as FetchResultOrError),
          isolation,
        ),
      ),
    })),
  }
})

type AskedPartition = FetchRequest['topics'][number]['partitions'][number]
type PartitionResponse = FetchResponse['topics'][number]['partitions'][number]

interface Asked {
  readonly name: string
  readonly topicId: string
  readonly topic: CalledTopic | EdgelogError
  readonly partitions: readonly AskedPartition[]
}

function wantedOf(topic: CalledTopic, one: AskedPartition): WantedPartition {
  const maxBytes = Math.max(0, one.partitionMaxBytes)
  return { topic, partition: one.partition, offset: one.fetchOffset, maxBytes }
}

function refusalOf({ fetchOffset, currentLeaderEpoch }: AskedPartition): EdgelogError | undefined {
  if (fetchOffset < 0) {
    return new EdgelogError(
      'offset_out_of_range',
      `fetchOffset: at least 0 is allowed, got ${fetchOffset}`,
    )
  }
  return epochError(currentLeaderEpoch)
}

function partitionResponse(
  { partition: partitionIndex }: AskedPartition,
  result: FetchResultOrError,
  isolation: IsolationLevel,
): PartitionResponse {
  if (result instanceof EdgelogError) {
    // Only `offset_out_of_range` has these details.
    const { logStartOffset = -1, highWatermark = -1 } = (result.details ?? {}) as Partial<LogEnds>
    return {
      partitionIndex,
      errorCode: errorNumber(result),
      highWatermark,
      lastStableOffset: highWatermark,
      logStartOffset,
      records: NO_RECORDS,
    }
  }
  const { batches, highWatermark, lastStableOffset, logStartOffset } = result
  const { abortedTransactions = [] } = result
  return {
    partitionIndex,
    errorCode: NO_ERROR,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions:
      isolation === 'committed' ? abortedTransactions.toSorted(byFirstOffset) : null,
    // Sent in any compression, like brokers of 4.x do, even if the version is older than zstd.
    records: batches,
  }
}

/** Clients walk the list beside the batches. */
function byFirstOffset(one: AbortedTransaction, other: AbortedTransaction): number {
  return one.firstOffset - other.firstOffset
}
