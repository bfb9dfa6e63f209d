/**
 * Kafka's Fetch (key 1): reads record batches of partitions, and may wait for them. Fetch sessions
 * (KIP-227) are answered with session 0, which tells a client to name all its partitions each time.
 */
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
import { leaderIdAndEpoch, nodeEndpoints } from './leader-fields.ts'

/** What a follower says that does not tell its high watermark. */
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
    /** -1: no session, 0: a new one. */
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
