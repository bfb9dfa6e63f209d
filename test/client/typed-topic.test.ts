/** Typed topics: JSON by default, codecs of the application, groups. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect, type TypedRecord } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

interface Order {
  readonly item: string
  readonly count?: number
}

let log: Client
beforeAll(() => {
  log = connect({ url: sharedServerUrl() })
})
afterAll(() => log.close())

async function take<Value>(
  records: AsyncIterable<TypedRecord<Value>>,
  count: number,
): Promise<TypedRecord<Value>[]> {
  const taken: TypedRecord<Value>[] = []
  for await (const record of records) {
    if (taken.push(record) === count) break
  }
  return taken
}

describe('a typed topic', () => {
  test('sends and reads JSON, and tombstones', async () => {
    const name = `typed-${Date.now()}`
    await log.admin.createTopic(name)
    const orders = log.topic<Order>(name)
    const sent = await orders.send({ key: 'alice', value: { item: 'tea' }, headers: { a: 'b' } })
    expect(sent).toMatchObject({ topic: name, offset: 0 })
    await orders.send({ key: 'alice', value: null, timestamp: 7 })
    const [first, second] = await take(orders.records({ from: 'earliest' }), 2)
    expect(first).toMatchObject({ partition: 0, offset: 0, key: 'alice', value: { item: 'tea' } })
    expect(first?.headers[0]?.[0]).toBe('a')
    expect(second).toMatchObject({ offset: 1, timestamp: 7, value: null })
    await log.admin.deleteTopic(name)
  })

  test('uses the codec of the application', async () => {
    const name = `coded-${Date.now()}`
    await log.admin.createTopic(name)
    const dates = log.topic<Date>(name, {
      serialize: (date) => new Uint8Array(new Float64Array([date.getTime()]).buffer),
      deserialize: (bytes) => new Date(new Float64Array(bytes.slice().buffer)[0] ?? 0),
    })
    await dates.send({ value: new Date(5) })
    const [record] = await take(dates.records({ from: 'earliest' }), 1)
    expect(record?.value).toEqual(new Date(5))
    await log.admin.deleteTopic(name)
  })

  test('reads as a member of a group, and redelivers the batch that a break leaves', async () => {
    const name = `grouped-${Date.now()}`
    await log.admin.createTopic(name)
    const orders = log.topic<Order>(name)
    await orders.send({ value: { item: 'tea' } })
    const options = { groupId: name, from: 'earliest' } as const
    for (let time = 0; time < 2; time++) {
      expect((await take(orders.records(options), 1))[0]?.value).toEqual({ item: 'tea' })
    }
    await log.group(name).delete()
    await log.admin.deleteTopic(name)
  })

  test('throws what its codec throws, and closes the consumer', async () => {
    const name = `broken-${Date.now()}`
    await log.admin.createTopic(name)
    await log.send(name, { value: 'no JSON' })
    const records = log.topic<Order>(name).records({ from: 'earliest' })
    await expect(records.next()).rejects.toBeInstanceOf(SyntaxError)
    expect(await records.next()).toEqual({ done: true, value: undefined })
    await log.admin.deleteTopic(name)
  })
})
