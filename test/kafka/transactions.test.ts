/** Question: do the APIs of transactions call the coordinator, and map its errors by the version of the request? */
import { describe, expect, test } from 'vitest'
import { DESCRIBED_PRODUCERS_MAX, TRANSACTION_PARTITIONS_MAX } from '../../src/core/limits.ts'
import { ADD_OFFSETS_TO_TXN } from '../../src/kafka/apis/add-offsets-to-txn.ts'
import { ADD_PARTITIONS_TO_TXN } from '../../src/kafka/apis/add-partitions-to-txn.ts'
import { DESCRIBE_PRODUCERS } from '../../src/kafka/apis/describe-producers.ts'
import { END_TXN } from '../../src/kafka/apis/end-txn.ts'
import { FIND_COORDINATOR } from '../../src/kafka/apis/find-coordinator.ts'
import { INIT_PRODUCER_ID } from '../../src/kafka/apis/init-producer-id.ts'
import { TXN_OFFSET_COMMIT } from '../../src/kafka/apis/txn-offset-commit.ts'
import type { KafkaCaller } from '../../src/kafka/serve-frames.ts'
import { ask, brokerOf, callerOf } from './door.ts'
import { errorOf, PRODUCER, produce, topic, world } from './transaction-world.ts'

/** Returns the error number of each API of the coordinator. */
const APIS = {
  InitProducerId: async (caller: KafkaCaller, version: number) =>
    (
      await ask(caller, INIT_PRODUCER_ID, version, {
        ...{ transactionalId: 't', transactionTimeoutMs: 1 },
      })
    )?.errorCode,
  AddPartitionsToTxn: async (caller: KafkaCaller, version: number) =>
    (
      await ask(caller, ADD_PARTITIONS_TO_TXN, version, {
        v3AndBelowTransactionalId: 't',
        v3AndBelowProducerId: 7n,
        v3AndBelowProducerEpoch: 2,
        v3AndBelowTopics: [{ name: topic.name, partitions: [0] }],
      })
    )?.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode,
  AddOffsetsToTxn: async (caller: KafkaCaller, version: number) =>
    (await ask(caller, ADD_OFFSETS_TO_TXN, version, { ...PRODUCER, groupId: 'g' }))?.errorCode,
  EndTxn: async (caller: KafkaCaller, version: number) =>
    (await ask(caller, END_TXN, version, { ...PRODUCER, committed: true }))?.errorCode,
  TxnOffsetCommit: async (caller: KafkaCaller, version: number) => {
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }]
    const topics = [{ name: topic.name, partitions }]
    const request = { ...PRODUCER, groupId: 'g', topics }
    const response = await ask(caller, TXN_OFFSET_COMMIT, version, request)
    return response?.topics[0]?.partitions[0]?.errorCode
  },
}

describe('the APIs of the coordinator', () => {
  test.each([
    ['InitProducerId', 'producer_fenced', 3, 47],
    ['InitProducerId', 'producer_fenced', 4, 90],
    ['InitProducerId', 'invalid_transaction_timeout', 4, 50],
    ['InitProducerId', 'concurrent_transactions', 0, 51],
    ['InitProducerId', 'unavailable', 5, 15],
    ['InitProducerId', 'throttled', 5, 15],
    ['AddPartitionsToTxn', 'producer_fenced', 1, 47],
    ['AddPartitionsToTxn', 'producer_fenced', 2, 90],
    ['AddPartitionsToTxn', 'invalid_producer_id_mapping', 0, 49],
    ['AddPartitionsToTxn', 'concurrent_transactions', 3, 51],
    ['AddPartitionsToTxn', 'policy_violation', 3, 44],
    ['AddOffsetsToTxn', 'producer_fenced', 1, 47],
    ['AddOffsetsToTxn', 'producer_fenced', 4, 90],
    ['AddOffsetsToTxn', 'unavailable', 4, 15],
    ['EndTxn', 'producer_fenced', 1, 47],
    ['EndTxn', 'producer_fenced', 5, 90],
    ['EndTxn', 'invalid_txn_state', 5, 48],
    ['EndTxn', 'concurrent_transactions', 3, 51],
    ['TxnOffsetCommit', 'producer_fenced', 5, 47],
    ['TxnOffsetCommit', 'transaction_abortable', 3, 48],
    ['TxnOffsetCommit', 'transaction_abortable', 4, 120],
    ['TxnOffsetCommit', 'concurrent_transactions', 4, 15],
    ['TxnOffsetCommit', 'concurrent_transactions', 5, 51],
  ] as const)('%s maps %s in version %i to %i', async (api, code, version, number) => {
    expect(await APIS[api](world([errorOf(code)]).caller, version)).toBe(number)
  })

  test.each([
    ['illegal_generation', 22],
    ['unknown_member_id', 25],
    ['fenced_instance_id', 82],
    ['invalid_producer_epoch', 47],
    ['invalid_txn_state', 48],
    ['unavailable', 15],
  ] as const)('TxnOffsetCommit maps %s of the group to %i', async (code, number) => {
    const { caller } = world([{ ok: { number: 5 } }], {
      group: () => ({
        commitOffsets: async () => errorOf(code),
        summarize: async () => ({ ok: { groupId: 'g' } }),
      }),
    })
    expect(await APIS.TxnOffsetCommit(caller, 3)).toBe(number)
  })

  test('returns 53 in a Worker without transactions', async () => {
    const coordinator = { getTopic: async () => ({ ok: topic }) }
    const caller = callerOf(brokerOf({ coordinator }))
    for (const api of Object.values(APIS)) expect(await api(caller, 3)).toBe(53)
    expect(await produce(caller, 9)).toEqual([53])
    const found = await ask(caller, FIND_COORDINATOR, 3, { key: 't', keyType: 1 })
    expect(found?.errorCode).toBe(53)
  })

  test('rejects an empty transactional id', async () => {
    const { caller, calls } = world([{ ok: null }])
    const ended = await ask(caller, END_TXN, 3, {
      ...PRODUCER,
      transactionalId: '',
      committed: true,
    })
    expect(ended?.errorCode).toBe(42)
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }]
    const committed = await ask(caller, TXN_OFFSET_COMMIT, 3, {
      ...{ ...PRODUCER, transactionalId: '', groupId: 'g' },
      topics: [{ name: topic.name, partitions }],
    })
    expect(committed?.topics[0]?.partitions[0]?.errorCode).toBe(42)
    expect(calls).toEqual([])
  })

  test('rejects more partitions than a transaction may have, without looking them up', async () => {
    const { caller, calls } = world([{ ok: { number: 5 } }], { coordinator: {} })
    const partitions = Array.from({ length: TRANSACTION_PARTITIONS_MAX + 1 }, (_, index) => index)
    const response = await ask(caller, ADD_PARTITIONS_TO_TXN, 3, {
      v3AndBelowTransactionalId: 't',
      v3AndBelowProducerId: 7n,
      v3AndBelowProducerEpoch: 2,
      v3AndBelowTopics: [{ name: topic.name, partitions }],
    })
    const [results] = response?.resultsByTopicV3AndBelow ?? []
    const codes = results?.resultsByPartition.map((one) => one.partitionErrorCode)
    expect(new Set(codes)).toEqual(new Set([44]))
    expect(calls).toEqual([])
  })

  test('DescribeProducers shares its limit among the partitions', async () => {
    const limits: number[] = []
    const { caller } = world([], {
      partition: () => ({
        describeProducers: async (limit: number) => {
          limits.push(limit)
          return { ok: [] }
        },
      }),
    })
    const topics = [{ name: topic.name, partitionIndexes: [0, 1] }]
    const response = await ask(caller, DESCRIBE_PRODUCERS, 0, { topics })
    expect(response?.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0])
    expect(limits).toEqual([DESCRIBED_PRODUCERS_MAX / 2, DESCRIBED_PRODUCERS_MAX / 2])
  })

  test('pass the connection on before KIP-890, and not with it', async () => {
    const { caller, calls } = world(
      [{ ok: { number: 5, producerId: 7n, producerEpoch: 2 } }],
      {},
      99,
    )
    await APIS.AddPartitionsToTxn(caller, 3)
    await APIS.AddOffsetsToTxn(caller, 3)
    await APIS.EndTxn(caller, 4)
    await APIS.EndTxn(caller, 5)
    expect(calls.map(({ method, version, connection }) => [method, version, connection])).toEqual([
      ['addParticipants', 1, 99],
      ['addParticipants', 1, 99],
      ['end', 1, 99],
      ['end', 2, undefined],
    ])
  })

  test('InitProducerId passes a producer that continues', async () => {
    const { caller, calls } = world([{ ok: { producerId: 7n, producerEpoch: 3 } }])
    const fields = { transactionalId: 't', transactionTimeoutMs: 9 }
    const producer = { producerId: 7n, producerEpoch: 2 }
    const response = await ask(caller, INIT_PRODUCER_ID, 4, { ...fields, ...producer })
    expect(response).toMatchObject({ errorCode: 0, producerId: 7n, producerEpoch: 3 })
    await ask(caller, INIT_PRODUCER_ID, 4, fields)
    expect(calls).toEqual([
      { method: 'initProducerId', transactionalId: 't', timeoutMs: 9, producer },
      { method: 'initProducerId', transactionalId: 't', timeoutMs: 9 },
    ])
  })

  test('a commit of offsets uses the number that AddOffsetsToTxn received', async () => {
    const transactions: unknown[] = []
    const { caller, calls } = world([{ ok: { number: 5 } }], {
      group: () => ({
        commitOffsets: async ({ transaction }: { transaction?: unknown }) => {
          transactions.push(transaction)
          return { ok: null }
        },
      }),
    })
    expect(await APIS.AddOffsetsToTxn(caller, 3)).toBe(0)
    expect(await APIS.TxnOffsetCommit(caller, 3)).toBe(0)
    expect(calls.map(({ method }) => method)).toEqual(['addParticipants'])
    expect(transactions).toEqual([{ coordinator: 'id/t', ...PRODUCER, number: 5, version: 1 }])
  })
})
