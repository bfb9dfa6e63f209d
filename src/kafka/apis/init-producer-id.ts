/**
 * Kafka's InitProducerId (key 22): assigns a producer its id and epoch, for idempotence.
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
import { clusterError } from '../cluster-error.ts'
import { NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'

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

/** Returns a random id. Nothing is stored: a partition registers the producer with its first batch. */
export const initProducerIdApi = handled(
  INIT_PRODUCER_ID,
  async ({ transactionalId }, { broker }) => {
    if (transactionalId === null) {
      const refusal = await clusterError(broker, 'idempotent_write')
      if (refusal !== undefined) return { errorCode: refusal.errorCode, producerEpoch: -1 }
      return { errorCode: NO_ERROR, producerId: randomProducerId(), producerEpoch: 0 }
    }
    if (transactionalId === '') return { errorCode: numberOf('invalid_request'), producerEpoch: -1 }
    return { errorCode: numberOf('transactional_id_authorization_failed'), producerEpoch: -1 }
  },
)

/** Returns 63 random bits, so that collisions are practically impossible. */
function randomProducerId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return bits >> 1n
}
