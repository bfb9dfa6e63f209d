/** Producer ids: none for a transactional id, and '' is not a valid one. */
import { expect, test } from 'vitest'
import { INIT_PRODUCER_ID } from '../../src/kafka/apis/init-producer-id.ts'
import { ask, brokerOf, callerOf } from './door.ts'

test.each([
  [null, 0],
  ['', 42],
  ['mine', 53],
])('responds to the transactional id %j with %i', async (transactionalId, errorCode) => {
  const request = { transactionalId, transactionTimeoutMs: 1_000 }
  const response = await ask(callerOf(brokerOf({})), INIT_PRODUCER_ID, 5, request)
  expect(response?.errorCode).toBe(errorCode)
})
