/** Question: does Produce find the transaction of its batches, with few calls and in order? */
import { describe, expect, test } from 'vitest'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import type { VerifyRequest } from '../../src/core/transaction/transaction-api.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { serveFrames } from '../../src/kafka/serve-frames.ts'
import { ask, frameOf } from './door.ts'
import {
  batchOf,
  errorOf,
  PRODUCER,
  produce,
  produceRequest,
  topic,
  world,
} from './transaction-world.ts'

describe('Produce in a transaction', () => {
  test.each([
    [9, 'verify'],
    [11, 'verify'],
    [12, 'addParticipants'],
    [13, 'addParticipants'],
  ])(
    'of version %i calls %s once for all its partitions, and never again for them',
    async (version, method) => {
      const { caller, appends, calls } = world([{ ok: { number: 5 } }])
      const batches = [batchOf(), batchOf(), batchOf()]
      expect(await produce(caller, version, batches)).toEqual([0, 0, 0])
      expect(await produce(caller, version, batches)).toEqual([0, 0, 0])
      expect(calls).toHaveLength(1)
      expect(calls[0]).toMatchObject({ method, ...PRODUCER, groups: [] })
      const { partitions } = calls[0] as unknown as VerifyRequest
      expect(partitions.map(({ topicId, partition }) => [topicId, partition])).toEqual(
        [0, 1, 2].map((partition) => [topic.id, partition]),
      )
      expect(appends.map(({ number }) => number)).toEqual([5, 5, 5, 5, 5, 5])
    },
  )

  test('asks once more for a number that a partition refuses, and appends under the new one', async () => {
    const appended: (number | undefined)[] = []
    const append = async ({ transaction }: AppendRequest) => {
      appended.push(transaction?.number)
      if (transaction?.number !== 6) return errorOf('invalid_txn_state')
      const resultOf = { nextOffset: 1, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
      return { ok: { ...resultOf, baseOffsets: [0] } }
    }
    const numbers = [{ ok: { number: 5 } }, { ok: { number: 6 } }]
    const { caller, calls } = world(numbers, { partition: () => ({ append }) })
    expect(await produce(caller, 9)).toEqual([0])
    expect(await produce(caller, 9)).toEqual([0])
    expect(appended).toEqual([5, 6, 6])
    expect(calls).toHaveLength(2)
  })

  test('returns the error of a partition that refuses the current number', async () => {
    const append = async () => errorOf('invalid_txn_state')
    const { caller, calls } = world([{ ok: { number: 5 } }], { partition: () => ({ append }) })
    expect(await produce(caller, 9)).toEqual([48])
    expect(calls).toHaveLength(2)
  })

  test('rejects batches of two producers', async () => {
    const { caller, appends } = world([{ ok: { number: 5 } }])
    expect(await produce(caller, 9, [batchOf(), batchOf({ producerId: 8n })])).toEqual([49, 49])
    expect(appends).toEqual([])
  })

  test('rejects a partition that does not exist, and adds only the others', async () => {
    const { caller, calls } = world([{ ok: { number: 5 } }], {
      coordinator: {
        getTopic: async () => ({ ok: topic }),
        openPartition: async () => errorOf('unknown_topic_or_partition'),
      },
    })
    const batches = [batchOf(), batchOf(), batchOf(), batchOf()]
    expect(await produce(caller, 12, batches)).toEqual([0, 0, 0, 3])
    const { partitions } = calls[0] as unknown as VerifyRequest
    expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2])
  })

  test('does not let another transactional id use what the coordinator returned', async () => {
    const { caller, calls } = world([{ ok: { number: 5 } }, errorOf('invalid_producer_id_mapping')])
    expect(await produce(caller, 9)).toEqual([0])
    const request = { ...produceRequest([batchOf()]), transactionalId: 'other' }
    const response = await ask(caller, PRODUCE, 9, request)
    expect(response?.topics[0]?.partitions[0]?.errorCode).toBe(49)
    expect(calls).toHaveLength(2)
  })

  test('keeps the order of the requests while the coordinator is asked for the first', async () => {
    const sequences: number[] = []
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const append = async ({ batches }: AppendRequest) => {
      sequences.push(new DataView(batches.buffer, batches.byteOffset).getInt32(53))
      const resultOf = { nextOffset: 1, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
      return { ok: { ...resultOf, baseOffsets: [0] } }
    }
    const { caller } = world([], {
      partition: () => ({
        append,
        appendEach: async (requests: readonly AppendRequest[]) => ({
          ok: { results: await Promise.all(requests.map(append)), topicVersion: 1 },
        }),
      }),
      transaction: () => ({
        verify: async () => {
          await released
          return { ok: { number: 5 } }
        },
      }),
    })
    const frames = [0, 1, 2].map((sequence) =>
      frameOf(PRODUCE, 9, produceRequest([batchOf({ sequence })])),
    )
    const reading = (async () => {
      const parts: Uint8Array[] = []
      for await (const part of serveFrames(frames, caller)) parts.push(part)
      return concatenate(parts)
    })()
    release()
    await reading
    expect(sequences).toEqual([0, 1, 2])
  })

  test.each([
    ['producer_fenced', 9, 47],
    ['producer_fenced', 13, 47],
    ['transaction_abortable', 10, 48],
    ['transaction_abortable', 11, 120],
    ['concurrent_transactions', 11, 19],
    ['concurrent_transactions', 12, 51],
    ['invalid_producer_id_mapping', 9, 49],
    ['unavailable', 9, 19],
    ['throttled', 13, 19],
  ] as const)('maps %s of the coordinator in version %i to %i', async (code, version, number) => {
    const { caller, appends } = world([errorOf(code)])
    expect(await produce(caller, version)).toEqual([number])
    expect(appends).toEqual([])
  })

  test.each([
    ['invalid_txn_state', 9, 48],
    ['invalid_producer_epoch', 9, 47],
    ['out_of_order_sequence_number', 9, 45],
    ['unavailable', 9, 7],
  ] as const)('maps %s of a partition in version %i to %i', async (code, version, number) => {
    const { caller } = world([{ ok: { number: 5 } }], {
      partition: () => ({ append: async () => errorOf(code) }),
    })
    expect(await produce(caller, version)).toEqual([number])
  })
})
