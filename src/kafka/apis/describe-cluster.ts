/** Kafka's DescribeCluster (key 60): returns the brokers and the id of the cluster (KIP-700). */

import { CLUSTER } from '../../core/access/resource.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { brokerAt, CLUSTER_ID, NODE_ID } from '../broker-node.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { authorizedOperations, NO_OPERATIONS } from './authorized-operations.ts'

/** The endpoint type that the caller expects. */
const BROKERS = 1
const MISMATCHED_ENDPOINT_TYPE = 114

export const DESCRIBE_CLUSTER = messages({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    includeClusterAuthorizedOperations: bool,
    /** 1: brokers, 2: controllers. */
    endpointType: int8.in('1+').or(1),
    includeFencedBrokers: bool.in('2+').or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    endpointType: int8.in('1+').or(1),
    clusterId: string,
    controllerId: int32.or(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: nullableString.or(null),
      isFenced: bool.in('2+').or(false),
    }),
    clusterAuthorizedOperations: int32.or(NO_OPERATIONS),
  },
})

export type DescribeClusterRequest = RequestOf<typeof DESCRIBE_CLUSTER>
export type DescribeClusterResponse = ResponseOf<typeof DESCRIBE_CLUSTER>

export const describeClusterApi = handled(
  DESCRIBE_CLUSTER,
  async ({ endpointType, includeClusterAuthorizedOperations }, { address, broker }) => {
    const { nodeId: brokerId, ...node } = brokerAt(address)
    const cluster = { endpointType, clusterId: CLUSTER_ID, controllerId: NODE_ID }
    if (endpointType === BROKERS) {
      const clusterAuthorizedOperations = includeClusterAuthorizedOperations
        ? await authorizedOperations(broker, CLUSTER)
        : NO_OPERATIONS
      const brokers = [{ brokerId, ...node }]
      return { ...cluster, errorCode: NO_ERROR, brokers, clusterAuthorizedOperations }
    }
    const errorMessage = 'endpointType: this address is a broker (1), not a controller'
    return { errorCode: MISMATCHED_ENDPOINT_TYPE, errorMessage, clusterId: '', brokers: [] }
  },
)
