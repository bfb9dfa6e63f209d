/**
 * Kafka's FindCoordinator (key 10): which broker looks after a group (key type 0) or a transactional id
 * (1). From version 4 on it is asked of many at once (KIP-699).
 */

import {
  array,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { brokerAt } from '../broker-node.ts'
import { NO_ERROR, numberOf } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'

/** What is coordinated. */
const GROUP = 0
const TRANSACTION = 1

export const FIND_COORDINATOR = messages({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleSince: 3,
  request: {
    key: string.in('0-3').or(''),
    keyType: int8.in('1+').or(0),
    coordinatorKeys: array(string).in('4+').or([]),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    errorCode: int16.in('0-3').or(0),
    errorMessage: string.in('1-3').nullableIn('1-3').or(null),
    nodeId: int32.in('0-3').or(0),
    host: string.in('0-3').or(''),
    port: int32.in('0-3').or(0),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: nullableString.or(null),
    })
      .in('4+')
      .or([]),
  },
})

export type FindCoordinatorRequest = RequestOf<typeof FIND_COORDINATOR>
export type FindCoordinatorResponse = ResponseOf<typeof FIND_COORDINATOR>

export const findCoordinatorApi = handled(FIND_COORDINATOR, async (request, call) => {
  const { keyType, coordinatorKeys } = request
  const found = answerOf(keyType, call)
  const coordinators = [...new Set(coordinatorKeys)].map((key) => ({ key, ...found }))
  return { ...found, coordinators }
})

/** The one node coordinates all groups; there are no transactions to coordinate. */
function answerOf(keyType: number, { address }: KafkaCall) {
  const node = { ...brokerAt(address), errorCode: NO_ERROR, errorMessage: null }
  if (keyType === GROUP) return node
  const [code, errorMessage] =
    keyType === TRANSACTION
      ? (['transactional_id_authorization_failed', 'transactions are not supported yet'] as const)
      : (['invalid_request', `keyType: 0 or 1 is allowed, got ${keyType}`] as const)
  return { nodeId: -1, host: '', port: -1, errorCode: numberOf(code), errorMessage }
}
