/** The range of producer ids for each kind of transaction. */
import { ONE_SHOT_PRODUCER_ID_MIN } from './participant-api.ts'

/** Returns the producer id of a transactional id: below those of transactions that are made in one call. */
export function producerIdFrom(randomBits: bigint): bigint {
  return BigInt.asUintN(64, randomBits) % ONE_SHOT_PRODUCER_ID_MIN
}

/** Returns the producer id of a transaction that is made in one call. */
export function oneShotProducerIdFrom(randomBits: bigint): bigint {
  return ONE_SHOT_PRODUCER_ID_MIN + producerIdFrom(randomBits)
}
