/**
 * Kafka's ListOffsets (key 2): returns the offset for a timestamp, or for a special timestamp below zero: -1 the end,
 * -2 the start, -3 the largest timestamp, -4 to -6 tiered storage.
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import type { OffsetAndTimestamp } from '../../broker/list-offsets.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int8,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { type IsolationLevel, readableEnd } from '../../core/log/log-ends.ts'
import { parseTopicName, type TopicName } from '../../core/topic/topic-name.ts'
import { LEADER_EPOCH } from '../broker-node.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { isolationOf } from '../isolation-level.ts'
import { epochError } from '../leader-epoch.ts'

const { errorNumber } = errorNumbersOf('partition')

/** Kafka's special timestamps. */
const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6
const NO_TIMESTAMP = -1

export const LIST_OFFSETS = messages({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleSince: 6,
  request: {
    replicaId: int32,
    /** 0: read uncommitted, 1: read committed. */
    isolationLevel: int8.in('2+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.in('4+').or(-1),
        timestamp: long,
      }),
    }),
    timeoutMs: int32.in('10+').or(0),
  },
  response: {
    throttleTimeMs: int32.in('2+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: long.or(-1),
        offset: long.or(-1),
        leaderEpoch: int32.in('4+').or(-1),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof LIST_OFFSETS>
export type ListOffsetsResponse = ResponseOf<typeof LIST_OFFSETS>

export const listOffsetsApi = handled(LIST_OFFSETS, async (request, { broker }) => {
  const isolation = isolationOf(request.isolationLevel)
  return {
    topics: await fanOut(request.topics, async ({ name, partitions }) => ({
      name,
      partitions: await fanOut(partitions, (one) => answerOf(broker, name, one, isolation)),
    })),
  }
})

type AskedPartition = ListOffsetsRequest['topics'][number]['partitions'][number]
type PartitionResponse = ListOffsetsResponse['topics'][number]['partitions'][number]

async function answerOf(
  broker: Broker,
  name: string,
  { partitionIndex, timestamp, currentLeaderEpoch }: AskedPartition,
  isolation: IsolationLevel,
): Promise<PartitionResponse> {
  try {
    const refusal = epochError(currentLeaderEpoch)
    if (refusal !== undefined) throw refusal
    const found = await find(broker, parseTopicName(name), partitionIndex, timestamp, isolation)
    const errorCode = NO_ERROR
    if (found === undefined) return { partitionIndex, errorCode }
    return { partitionIndex, errorCode, ...found, leaderEpoch: LEADER_EPOCH }
  } catch (error) {
    return { partitionIndex, errorCode: errorNumber(error) }
  }
}

/** Returns undefined if the log has no such record. */
async function find(
  broker: Broker,
  name: TopicName,
  partition: number,
  timestamp: number,
  isolation: IsolationLevel,
): Promise<OffsetAndTimestamp | undefined> {
  const { records } = broker
  if (timestamp >= 0) return await records.findByTimestamp(name, partition, timestamp, isolation)
  if (timestamp === MAX_TIMESTAMP) return await records.findMaxTimestamp(name, partition, isolation)
  const ends = await records.describePartition(name, partition)
  switch (timestamp) {
    case LATEST:
      return { offset: readableEnd(ends, isolation), timestamp: NO_TIMESTAMP }
    case EARLIEST:
      return { offset: ends.logStartOffset, timestamp: NO_TIMESTAMP }
    case EARLIEST_LOCAL:
      return {
        offset: ends.remote?.localStartOffset ?? ends.logStartOffset,
        timestamp: NO_TIMESTAMP,
      }
    case LATEST_TIERED: {
      const copiedOffset = ends.remote?.copiedOffset ?? null
      if (copiedOffset === null) return undefined
      return { offset: copiedOffset - 1, timestamp: NO_TIMESTAMP }
    }
    case EARLIEST_PENDING_UPLOAD: {
      if (ends.remote === undefined) return undefined
      const offset = Math.max(ends.logStartOffset, ends.remote.copiedOffset ?? 0)
      return { offset, timestamp: NO_TIMESTAMP }
    }
    default:
      throw new EdgelogError('invalid_request', `timestamp: unknown special timestamp ${timestamp}`)
  }
}
