/** Copying a log with the client: ranges are restored once, whatever responses are lost. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { readTopic } from './read-topic.ts'

let log: Client
/** Loses the response of each second restore. */
let lossy: Client
let restores = 0

beforeAll(() => {
  const url = sharedServerUrl()
  log = connect({ url })
  lossy = connect({
    url,
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (!input.endsWith('/restore')) return response
      restores += 1
      if (restores % 2 === 0) return response
      await response.arrayBuffer()
      throw new TypeError('the connection was lost')
    },
  })
})
afterAll(() => Promise.all([log.close(), lossy.close()]))

async function newTopic(): Promise<string> {
  const topic = uniqueName('restore')
  await log.admin.createTopic(topic, { config: { 'retention.ms': -1 } })
  return topic
}

test('copies a log range by range, each once, although responses are lost', async () => {
  const [from, to] = [await newTopic(), await newTopic()]
  for (let index = 0; index < 6; index++) await log.send(from, { key: 'k', value: `${index}` })
  const { id: sourceId } = await log.admin.describeTopic(from)
  for (let offset = 0; offset < 6; ) {
    const range = await log.admin.readBatches(from, 0, { offset, maxBytes: 1 })
    expect(range.from).toBe(offset)
    await lossy.admin.restoreBatches(to, 0, { sourceId, ...range })
    offset = range.to
  }
  expect(restores).toBeGreaterThanOrEqual(12)
  const copied = await readTopic(log, to, 0)
  expect(copied.map(({ offset, valueText }) => `${offset} ${valueText}`)).toEqual(
    Array.from({ length: 6 }, (_, index) => `${index} ${index}`),
  )
})

test('rejects a range that is in the log already, and a partition with other records', async () => {
  const topic = await newTopic()
  const batches = new Uint8Array(0)
  await log.admin.restoreBatches(topic, 0, { sourceId: 'a', from: 3, to: 5, batches })
  await expect(
    log.admin.restoreBatches(topic, 0, { sourceId: 'a', from: 3, to: 5, batches }),
  ).rejects.toMatchObject({ code: 'expected_offset_mismatch', details: { nextOffset: 5 } })
  await log.send(topic, { value: 'mine' })
  await expect(
    log.admin.restoreBatches(topic, 0, { sourceId: 'a', from: 6, to: 7, batches }),
  ).rejects.toMatchObject({ code: 'policy_violation' })
})
