/** The consumer of a group that passes single records: order, concurrency, and which batches are finished. */
import { expect, test, vi } from 'vitest'
import type { GroupConsumer } from '../../client/index.ts'
import { WAIT } from '../support/until.ts'
import { collect, committedOffsets, produce, range, type Seen } from './group-member.ts'
import { useGroupServer } from './group-server.ts'

const server = useGroupServer()

/** Returns a member that gets each batch alone: records 0 to 4 and 5 to 9 of partition 0, 0 to 2 of partition 1. */
async function newMember(groupId: string): Promise<GroupConsumer> {
  await server.log.admin.createTopic(groupId, { partitions: 2 })
  await produce(server.log, groupId, 0, 0, 5)
  await produce(server.log, groupId, 0, 5, 10)
  await produce(server.log, groupId, 1, 0, 3)
  return (await server.member({ groupId, fetchBytesMax: 1 })).consumer
}

test('passes the records of a partition one after the other, and those of several at once', async () => {
  const consumer = await newMember('each')
  const seen: Array<[partition: number, offset: number]> = []
  const busy = new Set<number>()
  const bothAreBusy = Promise.withResolvers<void>()
  const running = consumer.eachRecord(
    async ({ partition, offset }) => {
      expect(busy.has(partition)).toBe(false)
      busy.add(partition)
      if (busy.size === 2) bothAreBusy.resolve()
      await bothAreBusy.promise
      seen.push([partition, offset])
      busy.delete(partition)
    },
    { concurrency: 2 },
  )
  await vi.waitFor(() => expect(seen).toHaveLength(13), WAIT)
  const offsetsOf = (wanted: number) =>
    seen.filter(([partition]) => partition === wanted).map(([, offset]) => offset)
  expect(offsetsOf(0)).toEqual(range(0, 10))
  expect(offsetsOf(1)).toEqual(range(0, 3))
  await consumer.close()
  await running
  expect(await committedOffsets(server.url, 'each')).toEqual({ 0: 10, 1: 3 })
})

test('leaves the batch of a record that fails unfinished, and rejects', async () => {
  const consumer = await newMember('each-error')
  const running = consumer.eachRecord(({ offset }) => {
    if (offset === 7) throw new Error('cannot handle it')
  })
  await expect(running).rejects.toThrow('cannot handle it')
  expect(await committedOffsets(server.url, 'each-error')).toMatchObject({ 0: 5 })
})

test('passes no further record of a partition that is revoked, and leaves its batch to the next owner', async () => {
  const consumer = await newMember('each-revoked')
  const handled: string[] = []
  const running = consumer.eachRecord(
    ({ partition, offset }, { signal }) => {
      handled.push(`${partition}:${offset}`)
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    },
    { concurrency: 2 },
  )
  await vi.waitFor(() => expect(handled.toSorted()).toEqual(['0:0', '1:0']), WAIT)
  const other = (await server.member({ groupId: 'each-revoked' })).consumer
  const seen: Seen[] = []
  void collect(other, seen)
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(3), WAIT)
  expect(seen[0]?.offset).toBe(0)
  expect(handled).toHaveLength(2)
  await consumer.close({ timeoutMs: 1 })
  await running
})
