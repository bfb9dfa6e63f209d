/**
 * Question: do both protocols of transactions keep them whole, frame by frame, also for calls that arrive late?
 * Contract: Kafka's, and docs/KAFKA.md on late calls of clients without KIP-890.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { ADD_PARTITIONS_TO_TXN } from '../../src/kafka/apis/add-partitions-to-txn.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { DESCRIBE_PRODUCERS } from '../../src/kafka/apis/describe-producers.ts'
import { DESCRIBE_TRANSACTIONS } from '../../src/kafka/apis/describe-transactions.ts'
import { END_TXN } from '../../src/kafka/apis/end-txn.ts'
import { FIND_COORDINATOR } from '../../src/kafka/apis/find-coordinator.ts'
import { INIT_PRODUCER_ID } from '../../src/kafka/apis/init-producer-id.ts'
import { LIST_TRANSACTIONS } from '../../src/kafka/apis/list-transactions.ts'
import { OFFSET_COMMIT } from '../../src/kafka/apis/offset-commit.ts'
import { OFFSET_FETCH } from '../../src/kafka/apis/offset-fetch.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { TXN_OFFSET_COMMIT } from '../../src/kafka/apis/txn-offset-commit.ts'
import { WRITE_TXN_MARKERS } from '../../src/kafka/apis/write-txn-markers.ts'
import { until } from '../support/until.ts'
import { provideKcat } from './support/find-kcat.ts'
import { kcat } from './support/kcat.ts'
import type { RawConnection } from './support/raw-connection.ts'
import { useRawStage } from './support/raw-stage.ts'

const INSTALL_MS_MAX = 300_000
const COORDINATOR_NOT_AVAILABLE = 15
const INVALID_PRODUCER_EPOCH = 47
const INVALID_TXN_STATE = 48
const CONCURRENT_TRANSACTIONS = 51
const OPERATION_NOT_ATTEMPTED = 55
const UNSTABLE_OFFSET_COMMIT = 88
const PRODUCER_FENCED = 90
const TRANSACTIONAL_ID_NOT_FOUND = 105

const raw = useRawStage()
beforeAll(provideKcat, INSTALL_MS_MAX)

interface Producer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

async function newTopic(partitions = 1): Promise<string> {
  const topic = raw.stage.name()
  await raw.stage.native.admin.createTopic(topic, { partitions })
  return topic
}

/** Repeats a call while another transaction of the id is being ended, as clients do. */
async function settled(call: () => Promise<number | undefined>): Promise<number | undefined> {
  let code: number | undefined
  await until('the end of the transaction before', async () => {
    code = await call()
    return code !== CONCURRENT_TRANSACTIONS
  })
  return code
}

async function init(connection: RawConnection, transactionalId: string): Promise<Producer> {
  let producer = { transactionalId, producerId: -1n, producerEpoch: -1 }
  const code = await settled(async () => {
    const request = { transactionalId, transactionTimeoutMs: 60_000 }
    const response = await connection.ask(INIT_PRODUCER_ID, 4, request)
    if (response !== null) producer = { transactionalId, ...response }
    return response?.errorCode
  })
  expect(code).toBe(0)
  const { producerId, producerEpoch } = producer
  return { transactionalId, producerId, producerEpoch }
}

async function add(
  connection: RawConnection,
  { transactionalId, producerId, producerEpoch }: Producer,
  topic: string,
  partitions: readonly number[] = [0],
): Promise<readonly number[]> {
  let codes: number[] = []
  await settled(async () => {
    const response = await connection.ask(ADD_PARTITIONS_TO_TXN, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions }],
    })
    const [results] = response?.resultsByTopicV3AndBelow ?? []
    codes = results?.resultsByPartition.map((one) => one.partitionErrorCode) ?? []
    return codes[0]
  })
  return codes
}

async function produce(
  connection: RawConnection,
  { transactionalId, producerId, producerEpoch }: Producer,
  to: { version: number; topic: string; sequence: number; value: string },
): Promise<number | undefined> {
  const value = new TextEncoder().encode(to.value)
  const records = encodeBatch([{ timestamp: Date.now(), key: null, value, headers: [] }], {
    ...{ producerId, producerEpoch, baseSequence: to.sequence },
    isTransactional: true,
  })
  const topics = [{ name: to.topic, topicId: '', partitions: [{ index: 0, records }] }]
  const request = { transactionalId, acks: -1, timeoutMs: 5_000, topics }
  const response = await connection.ask(PRODUCE, to.version, request)
  return response?.topics[0]?.partitions[0]?.errorCode
}

async function end(
  connection: RawConnection,
  producer: Producer,
  committed: boolean,
  version = 3,
): Promise<Producer & { readonly errorCode: number }> {
  const response = await connection.ask(END_TXN, version, { ...producer, committed })
  if (response === null) throw new Error('the connection was closed')
  const { errorCode, producerId, producerEpoch } = response
  return { transactionalId: producer.transactionalId, errorCode, producerId, producerEpoch }
}

/** Returns what librdkafka reads with an isolation level, to the end of the log. */
async function read(topic: string, isolation = 'read_committed'): Promise<string[]> {
  const reading = ['-C', '-q', '-e', '-X', 'fetch.wait.max.ms=100', '-o', 'beginning']
  const args = [...reading, '-X', `isolation.level=${isolation}`, '-t', topic, '-f', '%s\n']
  const { stdout } = await kcat(raw.stage.bootstrap, args)
  return stdout.split('\n').filter((line) => line !== '')
}

test('a late commit over an earlier connection does not end the next transaction', async () => {
  const topic = await newTopic()
  const [a, b] = [await raw.open(), await raw.open()]
  const producer = await init(a, raw.stage.name())
  const version = 3
  expect(await add(a, producer, topic)).toEqual([0])
  expect(await produce(a, producer, { version, topic, sequence: 0, value: 'first' })).toBe(0)
  // The client asks to commit over A, where the request is delayed, and asks again over B.
  expect((await end(b, producer, true)).errorCode).toBe(0)
  expect(await add(b, producer, topic)).toEqual([0])
  expect(await produce(b, producer, { version, topic, sequence: 1, value: 'second' })).toBe(0)
  expect((await end(a, producer, true)).errorCode).toBe(COORDINATOR_NOT_AVAILABLE)
  expect(await add(a, producer, topic)).toEqual([COORDINATOR_NOT_AVAILABLE])
  expect(await add(b, producer, topic)).toEqual([0])
  expect(await produce(b, producer, { version, topic, sequence: 2, value: 'third' })).toBe(0)
  expect((await end(b, producer, false)).errorCode).toBe(0)
  await until('the end of the log', async () => (await read(topic)).length > 0)
  expect(await read(topic)).toEqual(['first'])
  expect(await read(topic, 'read_uncommitted')).toEqual(['first', 'second', 'third'])
})

describe('a producer without KIP-890', () => {
  test('adds all partitions or none, and cannot write to one that it did not add', async () => {
    const topic = await newTopic(2)
    const one = await raw.open()
    const producer = await init(one, raw.stage.name())
    expect(await add(one, producer, topic, [0, 7])).toEqual([OPERATION_NOT_ATTEMPTED, 3])
    const to = { version: 9, topic, sequence: 0, value: 'x' }
    expect(await produce(one, producer, to)).toBe(INVALID_TXN_STATE)
    expect(await produce(one, producer, { ...to, version: 11 })).toBe(120)
    expect(await add(one, producer, topic, [0])).toEqual([0])
    expect(await produce(one, producer, to)).toBe(0)
    const other = await produce(one, { ...producer, transactionalId: 'other' }, to)
    expect(other).toBe(49)
  })

  test('is fenced by the next instance, in the number that its version expects', async () => {
    const topic = await newTopic()
    const one = await raw.open()
    const old = await init(one, raw.stage.name())
    expect(await add(one, old, topic)).toEqual([0])
    expect(await produce(one, old, { version: 9, topic, sequence: 0, value: 'old' })).toBe(0)
    const next = await init(one, old.transactionalId)
    expect(next.producerId).toBe(old.producerId)
    expect(next.producerEpoch).toBeGreaterThan(old.producerEpoch)
    expect((await end(one, old, true, 2)).errorCode).toBe(PRODUCER_FENCED)
    expect((await end(one, old, true, 1)).errorCode).toBe(INVALID_PRODUCER_EPOCH)
    const late = { version: 9, topic, sequence: 1, value: 'late' }
    expect(await produce(one, old, late)).toBe(INVALID_PRODUCER_EPOCH)
    expect(await read(topic)).toEqual([])
  })
})

describe('a producer with KIP-890', () => {
  test('sees the feature, and finds the coordinator', async () => {
    const one = await raw.open()
    const versions = await one.ask(API_VERSIONS, 3, {})
    const feature = { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 }
    expect(versions?.finalizedFeatures).toContainEqual(feature)
    expect(versions?.finalizedFeaturesEpoch).toBe(2)
    const found = await one.ask(FIND_COORDINATOR, 4, { keyType: 1, coordinatorKeys: ['x'] })
    expect(found?.coordinators[0]).toMatchObject({ errorCode: 0, port: raw.stage.port })
  })

  test('adds partitions by producing, and receives the next epoch with each end', async () => {
    const topic = await newTopic()
    const one = await raw.open()
    let producer: Producer = await init(one, raw.stage.name())
    for (const [value, committed] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      const to = { version: 12, topic, sequence: 0, value }
      expect(await settled(() => produce(one, producer, to))).toBe(0)
      const ended = await end(one, producer, committed, 5)
      expect(ended).toMatchObject({ errorCode: 0, producerId: producer.producerId })
      expect(ended.producerEpoch).toBe(producer.producerEpoch + 1)
      // A repeated call gets the same result, and a late record is refused.
      await until(
        'the markers',
        async () => (await end(one, producer, committed, 5)).errorCode === 0,
      )
      expect(await end(one, producer, committed, 5)).toEqual(ended)
      const late = { ...to, sequence: 1 }
      expect(await produce(one, producer, late)).toBe(INVALID_PRODUCER_EPOCH)
      const { errorCode: _, ...next } = ended
      producer = next
    }
    expect(await read(topic)).toEqual(['a', 'c'])
  })

  test('commits offsets that other clients see once they are stable', async () => {
    const topic = await newTopic()
    const groupId = raw.stage.name()
    const one = await raw.open()
    const producer = await init(one, raw.stage.name())
    const commit = async (offset: number) => {
      const partition = { partitionIndex: 0, committedOffset: offset, committedMetadata: null }
      const topics = [{ name: topic, partitions: [partition] }]
      const response = await one.ask(TXN_OFFSET_COMMIT, 5, { ...producer, groupId, topics })
      return response?.topics[0]?.partitions[0]?.errorCode
    }
    const fetch = async (requireStable: boolean) => {
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const request = { groups: [{ groupId, topics }], requireStable }
      const response = await one.ask(OFFSET_FETCH, 9, request)
      const partition = response?.groups[0]?.topics[0]?.partitions[0]
      return [partition?.errorCode, partition?.committedOffset]
    }
    const plain = { partitionIndex: 0, committedOffset: 1, committedMetadata: null }
    const topics = [{ name: topic, partitions: [plain] }]
    await one.ask(OFFSET_COMMIT, 9, { groupId, memberId: '', topics })
    expect(await commit(7)).toBe(0)
    expect(await fetch(false)).toEqual([0, 1])
    expect(await fetch(true)).toEqual([UNSTABLE_OFFSET_COMMIT, -1])
    expect((await end(one, producer, true, 5)).errorCode).toBe(0)
    await until('a stable offset', async () => (await fetch(true))[0] === 0)
    expect(await fetch(true)).toEqual([0, 7])
    expect(await commit(9)).toBe(INVALID_PRODUCER_EPOCH)
  })
})

test('an operator finds an open transaction, and aborts it in one partition', async () => {
  const topic = await newTopic()
  const one = await raw.open()
  const producer = await init(one, raw.stage.name())
  const { transactionalId, producerId, producerEpoch } = producer
  expect(await produce(one, producer, { version: 12, topic, sequence: 0, value: 'x' })).toBe(0)
  const described = await one.ask(DESCRIBE_TRANSACTIONS, 0, {
    transactionalIds: [transactionalId, 'none'],
  })
  expect(described?.transactionStates).toMatchObject([
    {
      ...{ errorCode: 0, transactionalId, transactionState: 'Ongoing', producerId, producerEpoch },
      ...{ transactionTimeoutMs: 60_000, topics: [{ topic, partitions: [0] }] },
    },
    { errorCode: TRANSACTIONAL_ID_NOT_FOUND, transactionalId: 'none' },
  ])
  const list = async (filters: Record<string, unknown>) => {
    const request = { stateFilters: [], producerIdFilters: [], ...filters }
    const response = await one.ask(LIST_TRANSACTIONS, 2, request)
    return [
      response?.transactionStates.some((state) => state.transactionalId === transactionalId),
      response?.unknownStateFilters,
      response?.errorCode,
    ]
  }
  expect(await list({})).toEqual([true, [], 0])
  expect(await list({ stateFilters: ['Ongoing', 'Lost'] })).toEqual([true, ['Lost'], 0])
  expect(await list({ producerIdFilters: [producerId + 1n] })).toEqual([false, [], 0])
  expect(await list({ durationFilter: 3_600_000 })).toEqual([false, [], 0])
  expect(await list({ transactionalIdPattern: `${transactionalId}.*` })).toEqual([true, [], 0])
  expect(await list({ transactionalIdPattern: '(' })).toEqual([false, [], 128])
  const topics = [{ name: topic, partitionIndexes: [0] }]
  const activeOf = async () => {
    const response = await one.ask(DESCRIBE_PRODUCERS, 0, { topics })
    return response?.topics[0]?.partitions[0]?.activeProducers[0]
  }
  const active = await activeOf()
  expect(active).toMatchObject({ producerId, producerEpoch, currentTxnStartOffset: 0 })
  const coordinatorEpoch = active?.coordinatorEpoch ?? -1
  const marker = { producerId, producerEpoch, transactionResult: false, topics, coordinatorEpoch }
  const written = await one.ask(WRITE_TXN_MARKERS, 1, { markers: [marker] })
  expect(written?.markers[0]?.topics[0]?.partitions).toEqual([{ partitionIndex: 0, errorCode: 0 }])
  expect((await activeOf())?.currentTxnStartOffset).toBe(-1)
  expect(await read(topic)).toEqual([])
})
