/** Events of Durable Objects reach the sink that the module of the Worker has set. */
import { reset, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Group } from '../../durable-objects/group/group.ts'
import { offsetsRetentionMs } from '../../durable-objects/group/upkeep.ts'
import { ChunkTable } from '../../durable-objects/partition/chunk-table.ts'
import { OFFSETS_RETENTION_MINUTES_DEFAULT } from '../../src/core/limits.ts'
import type { ReportedEvent } from '../../src/events/event.ts'
import { logEvent, setEventSink } from '../../src/events/report.ts'
import { WAIT } from '../support/until.ts'
import { coordinator, createOpened, failPartitions, newTopic } from './coordinator/cluster.ts'
import { createTopic, growTopic, Member, newGroupId, settle } from './group/group-for-test.ts'
import { append, batch, newPartition } from './partition/partition-for-test.ts'

const events: ReportedEvent[] = []
const eventsOf = (type: ReportedEvent['type']) => events.filter((event) => event.type === type)

beforeEach(() => setEventSink((event) => events.push(event)))

afterEach(async () => {
  vi.restoreAllMocks()
  setEventSink(logEvent)
  events.length = 0
  await reset()
})

test('reports each topic that its partitions reject', async () => {
  const topics = [
    await createOpened(newTopic('orders', 1)),
    await createOpened(newTopic('payments', 1)),
  ]
  failPartitions('configure', 1, 'refuse')
  for (const { name } of topics) {
    expect(await coordinator().changeTopic(name, { partitions: 2 })).toHaveProperty('error')
  }
  await runDurableObjectAlarm(coordinator())
  await vi.waitUntil(() => eventsOf('topic_not_settled').length >= 2, WAIT)
  // In the order in which their partitions failed.
  expect(eventsOf('topic_not_settled')).toEqual(
    expect.arrayContaining(
      ['orders', 'payments'].map((topic) => expect.objectContaining({ topic, level: 'warn' })),
    ),
  )
})

test('reports a group that did not receive a hint', async () => {
  await createTopic('orders')
  const groupId = newGroupId()
  await settle(groupId, [new Member(groupId, 'one', { topics: ['orders'] })])
  vi.spyOn(Group.prototype, 'refresh').mockRejectedValueOnce(new Error('injected: hint lost'))
  await growTopic('orders', 3)
  await vi.waitUntil(() => eventsOf('group_hint_lost').length > 0, WAIT)
  expect(eventsOf('group_hint_lost')).toMatchObject([{ groupId, level: 'info' }])
})

test('reports a partition that stops because a commit failed', async () => {
  const name = await newPartition()
  vi.spyOn(ChunkTable.prototype, 'insert').mockImplementationOnce(() => {
    throw new Error('injected: disk full')
  })
  await expect((async () => await append(name, batch(['lost'])))()).rejects.toThrow('disk full')
  expect(eventsOf('object_stopped')).toMatchObject([
    { kind: 'partition', level: 'error', error: new Error('injected: disk full') },
  ])
})

test('reports an invalid variable, and uses the default', () => {
  expect(offsetsRetentionMs('a week')).toBe(OFFSETS_RETENTION_MINUTES_DEFAULT * 60_000)
  expect(eventsOf('setting_invalid')).toMatchObject([
    {
      name: 'EDGELOG_OFFSETS_RETENTION_MINUTES',
      got: 'a week',
      fallback: OFFSETS_RETENTION_MINUTES_DEFAULT,
    },
  ])
})
