/** Question: does unmodified kafkajs 2.2.4 work with the bridge? Without plugins it supports only gzip. */
import kafkajs, { type Admin, type Consumer, type Kafka, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import {
  numbered,
  type PlainRecord,
  readNative,
  SAMPLES,
  textOf,
  valuesOf,
} from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'

const { CompressionTypes, ConfigResourceTypes, logLevel, Partitioners } = kafkajs
const QUICK_GROUP = { sessionTimeout: 6_000, rebalanceTimeout: 3_000, heartbeatInterval: 200 }
const CODECS = [
  ['none', CompressionTypes.None],
  ['gzip', CompressionTypes.GZIP],
] as const

let stage: Stage
let kafka: Kafka
let admin: Admin
const opened: (Producer | Consumer)[] = []

beforeAll(async () => {
  stage = await openStage()
  kafka = new kafkajs.Kafka({
    clientId: 'interop',
    brokers: [stage.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100 },
  })
  admin = kafka.admin()
  await admin.connect()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.disconnect()
})
afterAll(async () => {
  await admin.disconnect()
  await stage.close()
})

async function newTopic(numPartitions = 1): Promise<string> {
  const topic = stage.name()
  await admin.createTopics({ topics: [{ topic, numPartitions }] })
  return topic
}

async function producer(options: { idempotent?: boolean } = {}): Promise<Producer> {
  const one = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })
  opened.push(one)
  await one.connect()
  return one
}

async function sendValues(topic: string, values: readonly string[], partition?: number) {
  const messages = values.map((value) => ({ value, ...(partition !== undefined && { partition }) }))
  await (await producer()).send({ topic, messages })
}

interface Member {
  readonly consumer: Consumer
  readonly records: (PlainRecord & { readonly partition: number; readonly offset: string })[]
  /** Its latest assignment. */
  partitions: readonly number[]
  readonly crashes: Error[]
}

async function join(groupId: string, topic: string): Promise<Member> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, ...QUICK_GROUP })
  opened.push(consumer)
  const member: Member = { consumer, records: [], partitions: [], crashes: [] }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.partitions = payload.memberAssignment[topic] ?? []
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => void member.crashes.push(payload.error))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const { key, value, offset, headers = {} } = message
      const texts = Object.entries(headers).map(([name, one]) => [name, String(one)])
      const plain = { key: textOf(key), value: textOf(value), headers: Object.fromEntries(texts) }
      member.records.push({ ...plain, partition, offset })
    },
  })
  return member
}

async function consume(topic: string, count: number): Promise<PlainRecord[]> {
  const { records } = await join(stage.name(), topic)
  await until(`${count} records of ${topic}`, () => records.length >= count)
  return records.map(({ key, value, headers }) => ({ key, value, headers }))
}

describe('topics', () => {
  test('are created with configs, listed, described, grown and deleted', async () => {
    const topic = stage.name()
    const configEntries = [{ name: 'retention.ms', value: '86400000' }]
    const wanted = { topic, numPartitions: 3, replicationFactor: 1, configEntries }
    expect(await admin.createTopics({ topics: [wanted], waitForLeaders: true })).toBe(true)
    expect(await admin.createTopics({ topics: [wanted] })).toBe(false)
    expect(await admin.listTopics()).toContain(topic)
    const { partitions, config } = await stage.native.admin.describeTopic(topic)
    expect([partitions, config['retention.ms']]).toEqual([3, 86_400_000])

    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions.map((one) => one.partitionId).sort()).toEqual([0, 1, 2, 3, 4])

    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
    await expect(admin.fetchTopicMetadata({ topics: [topic] })).rejects.toThrow(
      'This server does not host this topic-partition',
    )
  })

  test('have configs that are described and altered', async () => {
    const topic = await newTopic()
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
    const read = async () => {
      const { resources } = await admin.describeConfigs({
        resources: [{ ...resource, configNames: ['retention.ms', 'cleanup.policy'] }],
        includeSynonyms: true,
      })
      const entries = resources[0]?.configEntries ?? []
      return Object.fromEntries(entries.map((one) => [one.configName, one.configValue]))
    }
    expect(await read()).toEqual({ 'retention.ms': '604800000', 'cleanup.policy': 'delete' })
    const alter = async (name: string, value: string) =>
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ ...resource, configEntries: [{ name, value }] }],
      })
    await alter('retention.ms', '1000')
    expect(await read()).toEqual({ 'retention.ms': '1000', 'cleanup.policy': 'delete' })
    await expect(alter('retention.ms', 'soon')).rejects.toThrow('Configuration is invalid')
    await expect(alter('no.such.config', '1')).rejects.toThrow('Configuration is invalid')
  })

  test('are on the only node of the cluster, at the address of the bridge', async () => {
    const { brokers, controller } = await admin.describeCluster()
    expect(brokers).toEqual([{ nodeId: controller, host: 'localhost', port: stage.port }])
  })

  test('are created by producing to them', async () => {
    const topic = stage.name()
    await sendValues(topic, ['first'])
    expect(await valuesOf(stage.native, topic, 1)).toEqual([['first']])
  })
})

describe('records', () => {
  test.each(CODECS)('compressed by %s are read by all clients', async (_, compression) => {
    const topic = await newTopic()
    const [metadata] = await (await producer()).send({
      topic,
      compression,
      messages: SAMPLES.map((record) => ({ ...record })),
    })
    expect(metadata).toMatchObject({ errorCode: 0, baseOffset: '0' })
    expect(await readNative(stage.native, topic)).toEqual(SAMPLES)
    expect(await consume(topic, SAMPLES.length)).toEqual(SAMPLES)
  })

  test.each(['none', 'gzip'] as const)(
    'of the native client in %s are read',
    async (compression) => {
      const topic = await newTopic()
      const native = stage.native.createProducer({ compression })
      await native.sendBatch(topic, SAMPLES)
      await native.close()
      expect(await consume(topic, SAMPLES.length)).toEqual(SAMPLES)
    },
  )

  test('with a key go to the same partition from both clients', async () => {
    const topic = await newTopic(3)
    const keys = numbered('key', 40)
    await (await producer()).send({ topic, messages: keys.map((key) => ({ key, value: key })) })
    const native = stage.native.createProducer()
    await native.sendBatch(
      topic,
      keys.map((key) => ({ key, value: key })),
    )
    await native.close()
    for (const values of await valuesOf(stage.native, topic, 3)) {
      expect(values.length).toBeGreaterThan(0)
      expect(values.slice(values.length / 2)).toEqual(values.slice(0, values.length / 2))
    }
  })

  test.each([0, 1, -1])('are stored with acks=%s', async (acks) => {
    const topic = await newTopic()
    const one = await producer()
    for (const value of numbered('v', 3)) await one.send({ topic, acks, messages: [{ value }] })
    await until(
      'all are stored',
      async () => (await valuesOf(stage.native, topic, 1))[0]?.length === 3,
    )
    expect(await valuesOf(stage.native, topic, 1)).toEqual([numbered('v', 3)])
  })

  test('of an idempotent producer are stored in order', async () => {
    const topic = await newTopic(2)
    const one = await producer({ idempotent: true })
    expect(one.isIdempotent()).toBe(true)
    for (const value of numbered('v', 30)) {
      await one.send({
        topic,
        acks: -1,
        messages: [0, 1].map((partition) => ({ partition, value })),
      })
    }
    const all = numbered('v', 30)
    expect(await valuesOf(stage.native, topic, 2)).toEqual([all, all])
  })

  test('are rejected if they are too large', async () => {
    const topic = stage.name()
    await stage.native.admin.createTopic(topic, { config: { 'max.message.bytes': 1_000 } })
    const sending = (await producer()).send({ topic, messages: [{ value: 'x'.repeat(2_000) }] })
    await expect(sending).rejects.toThrow('larger than the max message size')
  })
})

describe('offsets', () => {
  test('are found by time, and at both ends', async () => {
    const topic = await newTopic()
    // Recent times: retention deletes records that are a week old.
    const times = [60_000, 59_000, 58_000].map((agoMs) => Date.now() - agoMs)
    const one = await producer()
    for (const time of times) {
      const message = { value: String(time), timestamp: String(time) }
      await one.send({ topic, messages: [message, { ...message, value: 'again' }] })
    }
    const at = async (time: number) => await admin.fetchTopicOffsetsByTimestamp(topic, time)
    expect(await at(times[0] as number)).toEqual([{ partition: 0, offset: '0' }])
    expect(await at((times[0] as number) + 1)).toEqual([{ partition: 0, offset: '2' }])
    expect(await at(times[2] as number)).toEqual([{ partition: 0, offset: '4' }])
    // No record is as late, so kafkajs returns the end.
    expect(await at((times[2] as number) + 1)).toEqual([{ partition: 0, offset: '6' }])
    expect(await admin.fetchTopicOffsets(topic)).toEqual([
      { partition: 0, offset: '6', high: '6', low: '0' },
    ])
  })

  test('set the limit for deleting records', async () => {
    const topic = await newTopic(2)
    for (const partition of [0, 1]) await sendValues(topic, numbered('v', 10), partition)
    // Loads the metadata; without it kafkajs fails because it finds no leader.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({
      topic,
      partitions: [
        { partition: 0, offset: '4' },
        { partition: 1, offset: '-1' },
      ],
    })
    const ends = await admin.fetchTopicOffsets(topic)
    expect(ends.map(({ low, high }) => [low, high])).toEqual([
      ['4', '10'],
      ['10', '10'],
    ])
    const left = (await consume(topic, 6)).map(({ value }) => value)
    expect(left).toEqual(numbered('v', 10).slice(4))
  })
})

describe('groups', () => {
  test('share partitions, hand them over, and continue from the committed offsets', async () => {
    const [topic, groupId] = [await newTopic(3), stage.name()]
    const sender = await producer()
    const sent: string[] = []
    const send = async (count: number) => {
      const values = numbered(`round${sent.length}`, count)
      const messages = values.map((value, number) => ({ value, partition: number % 3 }))
      await sender.send({ topic, messages })
      sent.push(...values)
    }
    const first = await join(groupId, topic)
    await send(60)
    await until('the first has received all', () => first.records.length === 60)
    expect(first.partitions).toEqual([0, 1, 2])

    const second = await join(groupId, topic)
    const members = [first, second]
    // Records keep coming while partitions change hands.
    while (!members.every(({ partitions }) => [1, 2].includes(partitions.length))) await send(3)
    await send(60)
    const delivered = () => members.flatMap(({ records }) => records.map(({ value }) => value))
    await until('both together have received all', () => delivered().length >= sent.length)
    expect(delivered().sort()).toEqual([...sent].sort())
    expect(members.flatMap(({ partitions }) => partitions).sort()).toEqual([0, 1, 2])
    for (const { records } of members) expect(records.length).toBeGreaterThan(0)

    await first.consumer.disconnect()
    await send(60)
    await until('the second has received the rest', () => delivered().length >= sent.length)
    expect(second.partitions).toEqual([0, 1, 2])
    expect(delivered().sort()).toEqual([...sent].sort())
    expect(members.flatMap(({ crashes }) => crashes)).toEqual([])

    // The native API shows the same group and its committed offsets.
    await second.consumer.disconnect()
    const { totalLag, offsets } = await stage.native.group(groupId).describe()
    expect([totalLag, offsets.length]).toEqual([0, 3])
  })

  test('are listed, described and deleted', async () => {
    const [topic, groupId] = [await newTopic(), stage.name()]
    await sendValues(topic, numbered('v', 5))
    const member = await join(groupId, topic)
    await until('all is read', () => member.records.length === 5)

    const { groups } = await admin.listGroups()
    expect(groups).toContainEqual({ groupId, protocolType: 'consumer' })
    const [described] = (await admin.describeGroups([groupId])).groups
    expect(described).toMatchObject({ state: 'Stable', protocol: 'RoundRobinAssigner' })
    expect(described?.members).toHaveLength(1)
    expect(described?.members[0]).toMatchObject({ clientId: 'interop' })
    await expect(admin.deleteGroups([groupId])).rejects.toThrow('Error in DeleteGroups')

    await member.consumer.disconnect()
    expect(await committed(groupId, topic)).toEqual([[0, '5']])
    await admin.deleteGroups([groupId])
    const left = (await admin.listGroups()).groups.map((one) => one.groupId)
    expect(left).not.toContain(groupId)
    expect(await committed(groupId, topic)).toEqual([[0, '-1']])
  })

  test('are reset', async () => {
    const topic = await newTopic()
    await sendValues(topic, numbered('v', 5))
    const [toOffset, toEarliest, toLatest] = [stage.name(), stage.name(), stage.name()]
    // Each takes kafkajs five seconds, because it sends a fetch without partitions.
    await Promise.all([
      admin.setOffsets({ groupId: toOffset, topic, partitions: [{ partition: 0, offset: '3' }] }),
      admin.resetOffsets({ groupId: toEarliest, topic, earliest: true }),
      admin.resetOffsets({ groupId: toLatest, topic, earliest: false }),
    ])
    expect(await committed(toOffset, topic)).toEqual([[0, '3']])
    expect(await committed(toEarliest, topic)).toEqual([[0, '0']])
    expect(await committed(toLatest, topic)).toEqual([[0, '5']])
    const member = await join(toOffset, topic)
    await until('it continues from there', () => member.records.length >= 2)
    expect(member.records.map(({ value }) => value)).toEqual(['v-3', 'v-4'])
  })
})

async function committed(groupId: string, topic: string) {
  const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] })
  return fetched?.partitions.map(({ partition, offset }) => [partition, offset])
}
