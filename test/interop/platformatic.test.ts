/**
 * Question: does unmodified @platformatic/kafka 2.12.1 work with the bridge, with both group protocols and
 * all codecs?
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  FetchIsolationLevels,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
  type MessagesStream,
  Producer,
  type ProducerOptions,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { numbered, type PlainRecord, readNative, SAMPLES, valuesOf } from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'

const MAX_WAIT_MS = 100
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const QUICK_GROUP = { sessionTimeout: 6_000, rebalanceTimeout: 6_000, heartbeatInterval: 200 }

type TextProducer = Producer<string, string, string, string>
type TextConsumer = Consumer<string, string, string, string>
type TextStream = MessagesStream<string, string, string, string>

let stage: Stage
let admin: Admin
const closings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  stage = await openStage()
  admin = new Admin(base())
})
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})
afterAll(async () => {
  await admin.close()
  await stage.close()
})

function base() {
  return { clientId: 'interop', bootstrapBrokers: [stage.bootstrap], strict: true, retryDelay: 100 }
}

async function newTopic(partitions = 1): Promise<string> {
  const topic = stage.name()
  await admin.createTopics({ topics: [topic], partitions })
  return topic
}

function producer(
  options: Partial<ProducerOptions<string, string, string, string>> = {},
): TextProducer {
  const one = new Producer({ ...base(), serializers: stringSerializers, ...options })
  closings.push(() => one.close())
  return one
}

async function sendValues(topic: string, values: readonly string[], partition = 0): Promise<void> {
  await producer().send({ messages: values.map((value) => ({ topic, partition, value })) })
}

interface Member {
  readonly consumer: TextConsumer
  readonly records: PlainRecord[]
  readonly errors: Error[]
  partitions(): readonly number[]
  leave(): Promise<void>
}

async function join(
  groupId: string,
  topic: string,
  groupProtocol: 'classic' | 'consumer' = 'classic',
): Promise<Member> {
  const consumer: TextConsumer = new Consumer({
    ...base(),
    groupId,
    deserializers: stringDeserializers,
    maxWaitTime: MAX_WAIT_MS,
    ...(groupProtocol === 'classic' ? QUICK_GROUP : { groupProtocol }),
  })
  const stream: TextStream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
  })
  const member: Member = {
    consumer,
    records: [],
    errors: [],
    partitions: () => consumer.assignments?.flatMap(({ partitions }) => partitions) ?? [],
    leave: async () => {
      await stream.close()
      await consumer.close(true)
    },
  }
  stream.on('error', (error) => void member.errors.push(error))
  stream.on('data', ({ key, value, headers }) => {
    member.records.push({
      key: key ?? null,
      value: value ?? null,
      headers: Object.fromEntries(headers),
    })
  })
  closings.push(() => member.leave())
  return member
}

async function consume(topic: string, count: number): Promise<PlainRecord[]> {
  const { records } = await join(stage.name(), topic)
  await until(`${count} records of ${topic}`, () => records.length >= count)
  return records
}

describe('topics', () => {
  test('are created with configs, listed, grown and deleted', async () => {
    const topic = stage.name()
    const configs = [{ name: 'retention.ms', value: '86400000' }]
    const [created] = await admin.createTopics({ topics: [topic], partitions: 3, configs })
    expect(created).toMatchObject({ name: topic, partitions: 3, replicas: 1 })
    expect(created?.configuration['retention.ms']).toBe('86400000')
    await expect(admin.createTopics({ topics: [topic] })).rejects.toThrow()
    expect(await admin.listTopics()).toContain(topic)
    const { partitions, config, id } = await stage.native.admin.describeTopic(topic)
    expect([partitions, config['retention.ms'], id]).toEqual([3, 86_400_000, created?.id])

    await admin.createPartitions({ topics: [{ name: topic, count: 5, assignments: [] }] })
    const { topics, brokers } = await admin.metadata({ topics: [topic], forceUpdate: true })
    expect(topics.get(topic)).toMatchObject({ id, partitionsCount: 5 })
    expect([...brokers.values()]).toMatchObject([{ host: 'localhost', port: stage.port }])

    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
  })

  test('have configs that are described and altered', async () => {
    const topic = await newTopic()
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }
    const keys = ['retention.ms', 'cleanup.policy']
    const read = async () => {
      const resources = [{ ...resource, configurationKeys: keys }]
      const [described] = await admin.describeConfigs({ resources })
      return Object.fromEntries(described?.configs.map(({ name, value }) => [name, value]) ?? [])
    }
    const byDefault = { 'retention.ms': '604800000', 'cleanup.policy': 'delete' }
    expect(await read()).toEqual(byDefault)
    const { SET, DELETE } = IncrementalAlterConfigOperationTypes
    const set = { name: 'retention.ms', configOperation: SET, value: '1000' }
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [set] }] })
    expect(await read()).toEqual({ ...byDefault, 'retention.ms': '1000' })
    const unset = { name: 'retention.ms', configOperation: DELETE } as const
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [unset] }] })
    expect(await read()).toEqual(byDefault)
    const compact = { name: 'cleanup.policy', value: 'compact' }
    await admin.alterConfigs({ resources: [{ ...resource, configs: [compact] }] })
    expect(await read()).toEqual({ ...byDefault, 'cleanup.policy': 'compact' })
  })
})

describe('records', () => {
  test.each(CODECS)('compressed by %s are read by all clients', async (compression) => {
    const topic = await newTopic()
    const { offsets } = await producer().send({
      compression,
      messages: SAMPLES.map(({ key, value, headers }) => ({
        topic,
        partition: 0,
        headers: { ...headers },
        ...(key !== null && { key }),
        // Its types do not allow tombstones, but it sends them.
        value: value as string,
      })),
    })
    expect(offsets).toEqual([{ topic, partition: 0, offset: 0n }])
    expect(await readNative(stage.native, topic)).toEqual(SAMPLES)
    expect(await consume(topic, SAMPLES.length)).toEqual(SAMPLES)
  })

  test.each(CODECS)('of the native client in %s are read', async (compression) => {
    const topic = await newTopic()
    const native = stage.native.createProducer({ compression })
    await native.sendBatch(topic, SAMPLES)
    await native.close()
    expect(await consume(topic, SAMPLES.length)).toEqual(SAMPLES)
  })

  test.each([0, 1, -1])('are stored with acks=%s', async (acks) => {
    const topic = await newTopic()
    const one = producer({ acks })
    for (const value of numbered('v', 3)) {
      await one.send({ messages: [{ topic, partition: 0, value }] })
    }
    const stored = async () => (await valuesOf(stage.native, topic, 1))[0]
    await until('all are stored', async () => (await stored())?.length === 3)
    expect(await stored()).toEqual(numbered('v', 3))
  })

  test('of an idempotent producer are stored in order', async () => {
    const topic = await newTopic(2)
    const one = producer({ idempotent: true })
    for (const value of numbered('v', 30)) {
      await one.send({ messages: [0, 1].map((partition) => ({ topic, partition, value })) })
    }
    expect(one.producerId).toBeGreaterThanOrEqual(0n)
    const all = numbered('v', 30)
    expect(await valuesOf(stage.native, topic, 2)).toEqual([all, all])
  })
})

describe('offsets', () => {
  test('are found by time, and at both ends', async () => {
    const topic = await newTopic()
    // Recent times: retention deletes records that are a week old.
    const times = [60_000, 59_000, 58_000].map((agoMs) => BigInt(Date.now() - agoMs))
    await producer().send({
      messages: times.map((timestamp) => ({ topic, partition: 0, value: 'v', timestamp })),
    })
    const at = async (timestamp: bigint) => {
      const partitions = [{ partitionIndex: 0, timestamp }]
      const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
      return listed?.partitions[0]?.offset
    }
    expect(await at(times[0] as bigint)).toBe(0n)
    expect(await at((times[0] as bigint) + 1n)).toBe(1n)
    expect(await at((times[2] as bigint) + 1n)).toBe(-1n)
    expect(await at(ListOffsetTimestamps.EARLIEST)).toBe(0n)
    expect(await at(ListOffsetTimestamps.LATEST)).toBe(3n)
    expect(await at(ListOffsetTimestamps.MAX)).toBe(2n)
  })

  test('set the limit for deleting records', async () => {
    const topic = await newTopic()
    await sendValues(topic, numbered('v', 10))
    const partitions = [{ partition: 0, offset: 4n }]
    expect(await admin.deleteRecords({ topics: [{ name: topic, partitions }] })).toEqual([
      { name: topic, partitions: [{ partition: 0, lowWatermark: 4n }] },
    ])
    const left = (await consume(topic, 6)).map(({ value }) => value)
    expect(left).toEqual(numbered('v', 10).slice(4))
  })
})

describe.each(['classic', 'consumer'] as const)('groups of the %s protocol', (protocol) => {
  test('share partitions, hand them over, and continue from the committed offsets', async () => {
    const [topic, groupId] = [await newTopic(3), stage.name()]
    const sender = producer()
    const sent: string[] = []
    const send = async (count: number) => {
      const values = numbered(`round${sent.length}`, count)
      const messages = values.map((value, number) => ({ topic, value, partition: number % 3 }))
      await sender.send({ messages })
      sent.push(...values)
    }
    const first = await join(groupId, topic, protocol)
    await send(60)
    await until('the first has received all', () => first.records.length === 60)
    expect([...first.partitions()].sort()).toEqual([0, 1, 2])

    const second = await join(groupId, topic, protocol)
    const members = [first, second]
    const delivered = () => members.flatMap(({ records }) => records.map(({ value }) => value))
    const shares = () => members.map((member) => member.partitions().length).sort()
    await until(
      () => `both have partitions, not ${shares()}`,
      () => shares().join() === '1,2',
    )
    // The client delivers the records of a pending fetch even if it has lost the partition meanwhile.
    await sleep(3 * MAX_WAIT_MS)
    await send(60)
    await until('both together have received all', () => delivered().length >= sent.length)
    expect(delivered().sort()).toEqual([...sent].sort())
    expect(members.flatMap((member) => member.partitions()).sort()).toEqual([0, 1, 2])
    for (const { records } of members) expect(records.length).toBeGreaterThan(0)

    await first.leave()
    await send(60)
    await until('the second has received the rest', () => delivered().length >= sent.length)
    expect([...second.partitions()].sort()).toEqual([0, 1, 2])
    expect(delivered().sort()).toEqual([...sent].sort())
    expect(members.flatMap(({ errors }) => errors)).toEqual([])

    await second.leave()
    const { totalLag, offsets } = await stage.native.group(groupId).describe()
    expect([totalLag, offsets.length]).toEqual([0, 3])
  })

  test('are listed, described, reset and deleted', async () => {
    const [topic, groupId] = [await newTopic(), stage.name()]
    await sendValues(topic, numbered('v', 5))
    const member = await join(groupId, topic, protocol)
    await until('all is read', () => member.records.length === 5)
    const groups = await admin.listGroups({ types: [protocol] })
    expect(groups.get(groupId)).toMatchObject({ id: groupId, groupType: protocol })
    if (protocol === 'classic') {
      const described = (await admin.describeGroups({ groups: [groupId] })).get(groupId)
      expect(described).toMatchObject({ protocol: 'roundrobin', protocolType: 'consumer' })
      expect(described?.members.size).toBe(1)
      const [assigned] = [...(described?.members.values() ?? [])]
      expect(assigned?.assignments?.get(topic)).toEqual({ topic, partitions: [0] })
    }
    await expect(admin.deleteGroups({ groups: [groupId] })).rejects.toThrow()

    await member.leave()
    const committed = async () => {
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId, topics }] })
      return group?.topics[0]?.partitions[0]?.committedOffset
    }
    expect(await committed()).toBe(5n)
    const partitionOffsets = [{ partition: 0, offset: 3n }]
    await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] })
    expect(await committed()).toBe(3n)
    const again = await join(groupId, topic, protocol)
    await until('it continues from there', () => again.records.length >= 2)
    expect(again.records.map(({ value }) => value)).toEqual(['v-3', 'v-4'])
    await again.leave()
    await admin.deleteConsumerGroupOffsets({
      groupId,
      topics: [{ name: topic, partitionIndexes: [0] }],
    })
    expect(await committed()).toBe(-1n)
    await admin.deleteGroups({ groups: [groupId] })
    expect((await admin.listGroups()).has(groupId)).toBe(false)
  })
})

describe('transactions', () => {
  interface Received {
    readonly value: string
  }

  async function readCommitted(topic: string, lastValue: string): Promise<string[]> {
    const consumer = new Consumer({
      ...{ ...base(), groupId: stage.name(), deserializers: stringDeserializers },
      ...{ maxWaitTime: MAX_WAIT_MS, isolationLevel: FetchIsolationLevels.READ_COMMITTED },
    })
    closings.push(() => consumer.close(true))
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
    const values: string[] = []
    stream.on('data', ({ value }: Received) => void values.push(value))
    await until(`the value ${lastValue}`, () => values.includes(lastValue))
    return values
  }

  test('shows committed records and hides aborted ones', async () => {
    const topic = await newTopic()
    const one = producer({ idempotent: true, transactionalId: stage.name() })
    for (const [value, isCommitted] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      const transaction = await one.beginTransaction()
      await transaction.send({ messages: [{ topic, partition: 0, value }] })
      if (isCommitted) await transaction.commit()
      else await transaction.abort()
    }
    expect(await readCommitted(topic, 'c')).toEqual(['a', 'c'])
    expect(await valuesOf(stage.native, topic, 1)).toEqual([['a', 'c']])
  })

  test('commits the offset of a consumed record with the transaction', async () => {
    const [source, target] = [await newTopic(), await newTopic()]
    await sendValues(source, ['in'])
    const groupId = stage.name()
    const consumer = new Consumer({
      ...{ ...base(), groupId, deserializers: stringDeserializers },
      ...{ maxWaitTime: MAX_WAIT_MS, autocommit: false, ...QUICK_GROUP },
    })
    closings.push(() => consumer.close(true))
    const stream = await consumer.consume({ topics: [source], mode: 'earliest' })
    const one = producer({ idempotent: true, transactionalId: stage.name() })
    for await (const message of stream) {
      const transaction = await one.beginTransaction()
      await transaction.addConsumer(consumer)
      await transaction.send({ messages: [{ topic: target, partition: 0, value: 'out' }] })
      await transaction.addOffset(message)
      await transaction.commit()
      break
    }
    expect(await readCommitted(target, 'out')).toEqual(['out'])
    const [group] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
    const [committed] = group?.topics[0]?.partitions ?? []
    expect(committed?.committedOffset).toBe(1n)
  })
})
