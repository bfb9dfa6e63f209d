/**
 * Kafka's FindCoordinator (key 10): returns the broker that coordinates a group (key type 0) or a transactional id (1).
 * From version 4 on a request has many keys (KIP-699).
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { groupResource, transactionalIdResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
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
import { errorOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'

/** Kafka's types of keys. */
const GROUP = 0
const TRANSACTION = 1
const KEYS_SINCE = 4
const NO_NODE = { nodeId: -1, host: '', port: -1 }

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
  const { keyType, coordinatorKeys, key: onlyKey } = request
  if (call.version < KEYS_SINCE) return await answerOf(keyType, onlyKey, call)
  const keys = [...new Set(coordinatorKeys)]
  return {
    coordinators: await fanOut(keys, async (key) => ({
      key,
      ...(await answerOf(keyType, key, call)),
    })),
  }
})

/** Returns the one node for each group and transactional id. */
async function answerOf(keyType: number, key: string, { address, broker }: KafkaCall) {
  const refusal = await refusalOf(keyType, key, broker)
  if (refusal === undefined)
    return { ...brokerAt(address), errorCode: NO_ERROR, errorMessage: null }
  return { ...NO_NODE, ...errorOf(numberOf(refusal.code), refusal.message) }
}

async function refusalOf(keyType: number, key: string, broker: Broker) {
  if (keyType === GROUP) return await broker.access.refusal('describe', groupResource(key))
  if (keyType !== TRANSACTION) {
    return new EdgelogError('invalid_request', `keyType: 0 or 1 is allowed, got ${keyType}`)
  }
  if (!broker.transactions.isServed) {
    const why = 'transactions: the server has none'
    return new EdgelogError('transactional_id_authorization_failed', why)
  }
  return await broker.access.refusal('describe', transactionalIdResource(key))
}
