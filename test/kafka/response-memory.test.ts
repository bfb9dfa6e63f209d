import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  FETCH_BYTES_MAX,
  KAFKA_RESPONSE_BYTES_MIN,
  KAFKA_RESPONSES_BYTES_MAX,
} from '../../src/core/limits.ts'
import { ResponseMemory } from '../../src/kafka/response-memory.ts'
import { SEEDED } from '../support/seed.ts'

test('gives a full response while little is held, and all of it again when it is given back', () => {
  const memory = new ResponseMemory()
  const first = memory.reserve()
  expect(first).toBe(FETCH_BYTES_MAX)
  memory.hold(-first)
  expect([memory.heldBytes, memory.reserve()]).toEqual([0, FETCH_BYTES_MAX])
})

test('holds no more than the limit and the least of each response, for any number of clients', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), (clients) => {
      const memory = new ResponseMemory()
      for (let client = 0; client < clients; client++) memory.reserve()
      const least = clients * KAFKA_RESPONSE_BYTES_MIN
      expect(memory.heldBytes).toBeLessThanOrEqual(KAFKA_RESPONSES_BYTES_MAX + least)
    }),
    SEEDED,
  )
})
