/**
 * Question: does the list of transactional ids have every id that exists, and none else, whatever fails on the way?
 * Contract: an id is listed before it exists, and is removed from the list when it expires.
 */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  ID_REGISTRATION_RETRY_MS,
  TRANSACTIONAL_ID_CREATIONS_BURST,
  TRANSACTIONAL_ID_EXPIRATION_MS,
  TRANSACTIONAL_IDS_MAX,
} from '../../../src/core/limits.ts'
import { transactionObjectName } from '../../../src/core/transaction/transaction-api.ts'
import { coordinator } from '../coordinator/cluster.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  evict,
  FakeParticipants,
  failList,
  isStored,
  listed,
  ok,
  Producer,
  pass,
  runAlarm,
  stopAlarms,
} from './transaction-for-test.ts'

beforeEach(() => {
  logErrorsOnly()
  stopAlarms()
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

test('lists an id from its first InitProducerId on', async () => {
  const producer = new Producer()
  ok(await producer.init())
  ok(await producer.init())
  expect(producer.current.producerEpoch).toBe(1)
  expect(await listed()).toEqual([producer.id])
})

test('lists ids in order, page by page', async () => {
  const producers = [new Producer('c'), new Producer('a'), new Producer('b')]
  for (const producer of producers) ok(await producer.init())
  expect(ok(await coordinator().listTransactions('', 2))).toEqual(['a', 'b'])
  expect(ok(await coordinator().listTransactions('b', 2))).toEqual(['c'])
})

test('gives concurrent first calls different epochs of one producer id', async () => {
  const one = new Producer()
  const other = new Producer(one.id)
  ok(await Promise.all([one.init(), other.init()]).then(([first]) => first))
  expect(one.current.producerId).toBe(other.current.producerId)
  expect([one.current.producerEpoch, other.current.producerEpoch].sort()).toEqual([0, 1])
  expect(await listed()).toEqual([one.id])
})

test('stores nothing for a request that is invalid, or for an id that does not exist', async () => {
  const producer = new Producer()
  const invalid = { transactionalId: producer.id, timeoutMs: 0 }
  expect(codeOf(await producer.object.initProducerId(invalid))).toBe('invalid_transaction_timeout')
  expect(codeOf(await producer.add([]))).toBe('invalid_producer_id_mapping')
  expect(codeOf(await producer.end('commit'))).toBe('invalid_producer_id_mapping')
  expect(codeOf(await producer.object.describe())).toBe('transactional_id_not_found')
  const name = transactionObjectName(producer.id)
  await runAlarm(name)
  expect(await isStored(name)).toBe(false)
  expect(await listed()).toEqual([])
})

test('stores nothing beyond the limits of ids and of new ids', async () => {
  const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${TRANSACTIONAL_IDS_MAX})
    INSERT INTO transactional_id SELECT 'filler-' || i, '' FROM n`
  await runInDurableObject(coordinator(), (_, { storage }) => {
    storage.sql.exec(fill)
  })
  const producer = new Producer()
  const name = transactionObjectName(producer.id)
  expect(codeOf(await producer.init())).toBe('policy_violation')
  expect(await isStored(name)).toBe(false)
  await runInDurableObject(coordinator(), async (instance, { storage }) => {
    storage.sql.exec('DELETE FROM transactional_id')
    for (let n = 0; n < TRANSACTIONAL_ID_CREATIONS_BURST; n++) {
      ok(await instance.registerTransactionalId(`filler-${n}`, ''))
    }
  })
  expect(codeOf(await producer.init())).toBe('throttled')
  expect(await isStored(name)).toBe(false)
  expect(await listed()).not.toContain(producer.id)
})

test.each(['refuse', 'lose the response'] as const)(
  'completes or undoes a creation if the list is unavailable (%s)',
  async (fault) => {
    const producer = new Producer()
    failList(fault)
    expect(codeOf(await producer.init())).toBe('unavailable')
    vi.restoreAllMocks()
    ok(await producer.init())
    expect(await listed()).toEqual([producer.id])
    const other = new Producer()
    failList(fault)
    expect(codeOf(await other.init())).toBe('unavailable')
    vi.restoreAllMocks()
    const name = transactionObjectName(other.id)
    await evict(name)
    expect(await alarmTime(name)).toBeLessThanOrEqual(Date.now() + ID_REGISTRATION_RETRY_MS)
    await runAlarm(name)
    expect(await isStored(name)).toBe(false)
    expect(await listed()).toEqual([producer.id])
  },
)

test('removes an id after seven days without a change, and gives its next producer a new id', async () => {
  const producer = new Producer()
  const name = transactionObjectName(producer.id)
  ok(await producer.init())
  const first = producer.current
  pass(TRANSACTIONAL_ID_EXPIRATION_MS - 60_000)
  await runAlarm(name)
  expect(await listed()).toEqual([producer.id])
  expect(await alarmTime(name)).toBeGreaterThan(Date.now())
  pass(120_000)
  await runAlarm(name)
  expect(await listed()).toEqual([])
  expect(await isStored(name)).toBe(false)
  expect(codeOf(await producer.end('abort'))).toBe('invalid_producer_id_mapping')
  ok(await producer.init())
  expect(producer.current.producerId).not.toBe(first.producerId)
  expect(producer.current.producerEpoch).toBe(0)
  expect(await listed()).toEqual([producer.id])
})

test.each(['refuse', 'lose the response'] as const)(
  'removes an expired id later if the list is unavailable (%s), or keeps it if it is used again',
  async (fault) => {
    const producers = [new Producer(), new Producer()] as const
    for (const producer of producers) ok(await producer.init())
    pass(TRANSACTIONAL_ID_EXPIRATION_MS + 60_000)
    failList(fault)
    for (const { id } of producers) {
      await expect(runAlarm(transactionObjectName(id))).rejects.toThrow('did not respond')
      expect(await alarmTime(transactionObjectName(id))).not.toBeNull()
    }
    vi.restoreAllMocks()
    const [unused, used] = producers
    ok(await used.init())
    for (const { id } of producers) await runAlarm(transactionObjectName(id))
    expect(await listed()).toEqual([used.id])
    expect(await isStored(transactionObjectName(unused.id))).toBe(false)
    expect(ok(await used.object.describe())).toMatchObject({ state: 'Empty' })
  },
)

test('keeps an id with an open transaction, however old it is', async () => {
  const participants = new FakeParticipants()
  const producer = new Producer()
  await producer.begin()
  pass(TRANSACTIONAL_ID_EXPIRATION_MS * 2)
  await runAlarm(transactionObjectName(producer.id))
  expect(participants.summary()).toContain('topic-id/0 abort 1/1')
  expect((await producer.describe()).state).toBe('CompleteAbort')
})
