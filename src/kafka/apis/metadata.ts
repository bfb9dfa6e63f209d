/**
 * Kafka's Metadata (key 3): the brokers of the cluster, and the partitions of topics with their
 * leaders. Every client asks for it before it produces or fetches.
 */
import {
  array,
  bool,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { NO_OPERATIONS } from './authorized-operations.ts'

export const METADATA = messages({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    /** Null: all topics. In version 0, which has no null, empty stands for all. */
    topics: array({
      topicId: uuid.in('10+').or(NO_UUID),
      /** Null where the topic is asked for by its id. */
      name: string.nullableIn('10+'),
    }).nullableIn('1+'),
    allowAutoTopicCreation: bool.in('4+').or(true),
    includeClusterAuthorizedOperations: bool.in('8-10').or(false),
    includeTopicAuthorizedOperations: bool.in('8+').or(false),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: nullableString.in('1+').or(null),
    }),
    clusterId: nullableString.in('2+').or(null),
    controllerId: int32.in('1+').or(-1),
    topics: array({
      errorCode: int16,
      name: string.nullableIn('12+'),
      topicId: uuid.in('10+').or(NO_UUID),
      isInternal: bool.in('1+').or(false),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.in('7+').or(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).in('5+').or([]),
      }),
      topicAuthorizedOperations: int32.in('8+').or(NO_OPERATIONS),
    }),
    clusterAuthorizedOperations: int32.in('8-10').or(NO_OPERATIONS),
    errorCode: int16.in('13+').or(0),
  },
})

export type MetadataRequest = RequestOf<typeof METADATA>
export type MetadataResponse = ResponseOf<typeof METADATA>
