/** The cache of transaction numbers: bounded, and of use only to the producer that the coordinator accepted. */
import { expect, test } from 'vitest'
import { TransactionNumbers } from '../../src/broker/transaction-numbers.ts'
import { TRANSACTION_NUMBERS_MAX } from '../../src/core/limits.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const producer = { transactionalId: 't', producerId: 1n, producerEpoch: 0 }
const partition = (index: number) => {
  return { topicId: 'id', topic: parseTopicName('orders'), partition: index }
}

test('returns a number to the same producer and participant only', () => {
  const numbers = new TransactionNumbers()
  numbers.set(producer, [partition(0), { groupId: 'g' }], 5)
  expect(numbers.get(producer, partition(0))).toBe(5)
  expect(numbers.get(producer, { groupId: 'g' })).toBe(5)
  expect(numbers.get(producer, partition(1))).toBeUndefined()
  expect(numbers.get(producer, { groupId: 'h' })).toBeUndefined()
  for (const other of [{ transactionalId: 'u' }, { producerId: 2n }, { producerEpoch: 1 }]) {
    expect(numbers.get({ ...producer, ...other }, partition(0))).toBeUndefined()
  }
})

test('drops the number that was used the longest time ago', () => {
  const numbers = new TransactionNumbers()
  for (let index = 0; index < TRANSACTION_NUMBERS_MAX; index++) {
    numbers.set(producer, [partition(index)], 5)
  }
  expect(numbers.get(producer, partition(0))).toBe(5)
  numbers.set(producer, [partition(-1)], 5)
  expect(numbers.get(producer, partition(0))).toBe(5)
  expect(numbers.get(producer, partition(1))).toBeUndefined()
})
