/** Question: does a task read all of its input, wherever the records are, and count those that are gone? */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bytes, topology } from '../../../client/streams/index.ts'
import { unwrap } from '../../../src/core/errors.ts'
import { partitionObjectName } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { coordinator } from '../coordinator/cluster.ts'
import { maintain } from '../partition/partition-for-test.ts'
import { describeOf, fill, TIERED } from '../partition/remote-for-test.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { StreamsApp } from './streams-for-test.ts'

beforeEach(() => logErrorsOnly())
afterEach(() => reset())

const sizes = (name: string) =>
  topology(name, (builder) => {
    builder
      .stream(`${name}-in`, { key: bytes, value: bytes })
      .mapValues((value) => value.length)
      .to(`${name}-out`)
  })

test('records that are in R2 only', async () => {
  const overrides = { ...TIERED, 'local.retention.bytes': '1' }
  const name = parseTopicName('tiered-in')
  const topic = unwrap(await coordinator().createTopic({ name, partitions: 1, overrides }))
  unwrap(await coordinator().openPartition(name, 0))
  const object = partitionObjectName(topic.id, 0)
  await fill(object, 40)
  await maintain(object)
  const { remote, highWatermark } = await describeOf(object)
  expect(remote?.localStartOffset).toBeGreaterThan(0)

  const app = new StreamsApp(sizes('tiered'))
  await app.json('PUT', '/v1/streams/tiered')
  const { tasks } = await app.settled('tiered', highWatermark)
  expect(tasks[0]).toMatchObject({ recordsCount: highWatermark, dropped: {}, status: 'running' })
})

test('records that were deleted before they were read', async () => {
  const app = new StreamsApp(sizes('deleted'))
  await app.createTopic('deleted-in')
  await app.produce('deleted-in', ...[1, 2, 3].map((n) => ({ key: `k${n}`, value: 'x' })))
  await app.json('POST', '/v1/topics/deleted-in/partitions/0/delete-records', { beforeOffset: 2 })
  await app.json('PUT', '/v1/streams/deleted')
  const { tasks } = await app.settled('deleted', 1)
  expect(tasks[0]).toMatchObject({
    recordsCount: 1,
    dropped: { 'deleted-in-source: deleted before it was read': 2 },
  })
})

test('a topic that was deleted and created again stops the application until it is reset', async () => {
  const app = new StreamsApp(sizes('again'))
  await app.createTopic('again-in')
  await app.json('PUT', '/v1/streams/again')
  await app.produce('again-in', { key: 'a', value: 'x' })
  await app.settled('again', 1)
  await app.json('DELETE', '/v1/topics/again-in')
  await app.createTopic('again-in')
  await app.json('POST', '/v1/streams/again/pause')
  expect(await app.json('POST', '/v1/streams/again/resume')).toMatchObject({
    status: 'starting',
    error: 'topic again-in: it was deleted and created again; reset the application',
  })
  await app.json('POST', '/v1/streams/again/reset')
  await app.produce('again-in', { key: 'a', value: 'x' })
  await app.settled('again', 1)
})
