/**
 * Kafka's InitProducerId (key 22): assigns a producer its id and epoch, for idempotence and transactions.
 * Version 6 is not stable in Kafka yet, so it is not served.
 */

import {
  int16,
  int32,
  int64,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
} from '../../core/kafka/schema.ts'
import { ONE_SHOT_PRODUCER_ID_MIN } from '../../core/transaction/participant-api.ts'
import { clusterError } from '../cluster-error.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { coordinatorErrorNumber, FENCED_SINCE } from '../transaction-errors.ts'

const NONE = -1n

export const INIT_PRODUCER_ID = messages({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleSince: 2,
  request: {
    transactionalId: nullableString,
    transactionTimeoutMs: int32,
    producerId: int64.in('3+').or(-1n),
    producerEpoch: int16.in('3+').or(-1),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    producerId: int64.or(-1n),
    producerEpoch: int16,
  },
})

export type InitProducerIdRequest = RequestOf<typeof INIT_PRODUCER_ID>
export type InitProducerIdResponse = ResponseOf<typeof INIT_PRODUCER_ID>

/**
 * Without a transactional id it returns a random id. Nothing is stored: a partition registers the producer with its
 * first batch. With one the coordinator of the transactional id assigns the id, and fences earlier instances.
 */
export const initProducerIdApi = handled(INIT_PRODUCER_ID, async (request, { broker, version }) => {
  const { transactionalId } = request
  if (transactionalId === null) {
    const refusal = await clusterError(broker, 'idempotent_write')
    if (refusal !== undefined) return { errorCode: refusal.errorCode, producerEpoch: -1 }
    return { errorCode: NO_ERROR, producerId: randomProducerId(), producerEpoch: 0 }
  }
  try {
    const { transactions } = broker
    const producer = producerOf(request)
    const timeoutMs = request.transactionTimeoutMs
    const assigned = await transactions.initProducerId(transactionalId, timeoutMs, producer)
    const { producerId, producerEpoch } = assigned
    return { errorCode: NO_ERROR, producerId, producerEpoch }
  } catch (error) {
    const errorCode = coordinatorErrorNumber(error, version, FENCED_SINCE.initProducerId)
    return { errorCode, producerEpoch: -1 }
  }
})

/** Returns the producer that continues; undefined for a new instance. */
function producerOf({ producerId, producerEpoch }: InitProducerIdRequest) {
  return producerId === NONE && producerEpoch === -1 ? undefined : { producerId, producerEpoch }
}

/** Returns 62 random bits, so that collisions are practically impossible. */
function randomProducerId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return bits % ONE_SHOT_PRODUCER_ID_MIN
}
