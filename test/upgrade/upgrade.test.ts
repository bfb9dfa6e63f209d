/**
 * States that earlier releases wrote, opened by this one. `states/` only ever grows; `state-dump.ts` writes a new one.
 */
import { describe, expect, test } from 'vitest'
import { type BatchProducer, encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { keptStates, useKeptState } from './kept-state.ts'

// The states of one kind have names such as `0.1.0.kept-logs.json`.
const states = (await keptStates('.json')).filter((name) => !name.includes('.kept-'))

describe.each(states)('the state %s', (state) => {
  const kept = useKeptState(state)

  async function append(topic: string, values: readonly string[], stamp: BatchProducer) {
    const records = values.map((value) => {
      return {
        timestamp: Date.now(),
        key: null,
        value: new TextEncoder().encode(value),
        headers: [],
      }
    })
    const response = await fetch(`${kept.url}/v1/topics/${topic}/partitions/0/records`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/vnd.edgelog.batch' },
      body: encodeBatch(records, stamp),
    })
    return (await response.json()) as { baseOffset?: number; error?: { code: string } }
  }

  test('has its topics with their config', async () => {
    const topics = await kept.log.admin.listTopics()
    expect(topics.map(({ name, partitions }) => [name, partitions])).toEqual([
      ['archive', 1],
      ['expired', 1],
      ['orders', 2],
    ])
    const { config } = await kept.log.admin.describeTopic('orders')
    expect(config).toMatchObject({ 'retention.ms': -1, 'max.message.bytes': 500_000 })
  })

  test('has its records', async () => {
    const { partitionDetails } = await kept.log.admin.describeTopic('orders')
    expect(partitionDetails?.map(({ highWatermark }) => highWatermark)).toEqual([9, 3])
    const values: string[] = []
    const assignments = [{ topic: 'orders', partition: 0, offset: 'earliest' as const }]
    for await (const record of (await kept.log.consumer({ assignments })).records()) {
      values.push(record.valueText ?? '')
      if (record.offset === 8) break
    }
    const orders = ['order 0', 'order 2', 'order 4']
    expect(values).toEqual([...orders, 'p0', 'p1', 'p2', 'page 0', 'page 1', 'page 2'])
  })

  test('recognizes its producers: repeated batches, the next ones, and fenced epochs', async () => {
    const producer = { producerId: 4711n, producerEpoch: 0 }
    expect(await append('orders', ['p2'], { ...producer, baseSequence: 2 })).toMatchObject({
      baseOffset: 5,
    })
    expect(await append('orders', ['p3'], { ...producer, baseSequence: 3 })).toMatchObject({
      baseOffset: 9,
    })
    const page = { producerId: 4712n, producerEpoch: 3 }
    expect(await append('orders', ['page 3'], { ...page, baseSequence: 1 })).toMatchObject({
      baseOffset: 10,
    })
    const fenced = { ...page, producerEpoch: 0, baseSequence: 2 }
    expect(await append('orders', ['late'], fenced)).toMatchObject({
      error: { code: 'invalid_producer_epoch' },
    })
  })

  test('recognizes a producer whose records retention deleted', async () => {
    const producer = { producerId: 4711n, producerEpoch: 0 }
    const repeated = { ...producer, baseSequence: 0 }
    expect(await append('expired', ['gone 0', 'gone 1'], repeated)).toMatchObject({ baseOffset: 0 })
    expect(await append('expired', ['new'], { ...producer, baseSequence: 2 })).toMatchObject({
      baseOffset: 2,
    })
  })

  test('has its groups, their member and their offsets', async () => {
    expect((await kept.log.admin.listGroups()).map(({ groupId }) => groupId)).toEqual([
      'billing',
      'by-hand',
    ])
    const billing = await kept.log.group('billing').describe()
    expect(billing).toMatchObject({ state: 'stable', groupEpoch: 1 })
    expect(billing.members).toMatchObject([{ memberId: 'm1', instanceId: 'i1', memberEpoch: 1 }])
    expect(await kept.log.group('billing').offsets()).toMatchObject([
      { topic: 'orders', partition: 1, offset: 2, metadata: 'half way' },
    ])
    expect(await kept.log.group('by-hand').offsets()).toMatchObject([
      { topic: 'orders', partition: 0, offset: 1 },
    ])
  })

  test('continues: a member joins, topics grow', async () => {
    const grown = await kept.log.admin.alterTopic('orders', { partitions: 3 })
    expect(grown.partitions).toBe(3)
    const { records, commit } = await kept.log.group('upgraded').poll({
      topics: ['archive'],
      from: 'earliest',
    })
    expect(records.map(({ valueText }) => valueText)).toEqual(['1'])
    await commit()
  })
})
