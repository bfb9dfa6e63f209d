/** The consumer of a group as applications use it: when a batch is finished, and what is committed. */
import { describe, expect, test, vi } from 'vitest'
import type { ConsumerBatch, GroupConsumerOptions, LagReport } from '../../client/index.ts'
import { WAIT } from '../support/until.ts'
import {
  collect,
  committedOffsets,
  keysOf,
  type Member,
  memberCount,
  partitionsOf,
  produce,
  range,
  type Seen,
  seenIn,
} from './group-member.ts'
import { useGroupServer } from './group-server.ts'

const server = useGroupServer()

/** Starts a member that gets each batch of the log alone. */
function member(options: Partial<GroupConsumerOptions> & { readonly groupId: string }): Member {
  return server.member({ fetchBytesMax: 1, ...options })
}

/** Creates a topic with the name of the group, and three batches per partition: 0 to 4, 5 to 9, 10 to 14. */
async function newGroup(groupId: string, partitions = 1): Promise<string> {
  await server.log.admin.createTopic(groupId, { partitions })
  for (const from of [0, 5, 10]) await produce(server.log, groupId, 0, from, from + 5)
  return groupId
}

describe('a for await', () => {
  test('finishes a batch when it requests the next; after a break the next owner gets it again', async () => {
    const groupId = await newGroup('break')
    const { consumer } = member({ groupId })
    const first: Seen[] = []
    for await (const batch of consumer) {
      first.push(...seenIn(batch))
      if (first.length === 10) break
    }
    const again: Seen[] = []
    for await (const batch of consumer) {
      again.push(...seenIn(batch))
      break
    }
    expect(keysOf(again)).toEqual(range(5, 10).map((offset) => `0:${offset}`))
    await consumer.close()
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 5 })
    const seen: Seen[] = []
    void collect(member({ groupId }).consumer, seen)
    await vi.waitFor(() => expect(seen).toHaveLength(10), WAIT)
    expect(seen[0]?.offset).toBe(5)
  })

  test('leaves its batch to others when it throws, unless it was committed', async () => {
    const groupId = await newGroup('throw')
    const { consumer } = member({ groupId })
    const loop = async () => {
      for await (const { nextOffset } of consumer) {
        if (nextOffset === 5) continue
        await consumer.commit()
        throw new Error('on purpose')
      }
    }
    await expect(loop()).rejects.toThrow('on purpose')
    await consumer.close()
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 10 })
    expect(await memberCount(server.url, groupId)).toBe(0)
  })

  test('ends when it is closed from within, without waiting for itself', async () => {
    const groupId = await newGroup('close-within')
    const { consumer } = member({ groupId })
    let batches = 0
    for await (const _ of consumer) {
      batches += 1
      await consumer.close()
    }
    expect(batches).toBe(1)
    expect(await memberCount(server.url, groupId)).toBe(0)
  })

  test('finishes its batch when its signal ends it, and has left when it ends', async () => {
    const groupId = await newGroup('signal')
    const stop = new AbortController()
    const { consumer } = member({ groupId, signal: stop.signal })
    for await (const _ of consumer) stop.abort()
    expect(await memberCount(server.url, groupId)).toBe(0)
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 5 })
  })

  test('leaves the group when it exceeds the poll interval, and joins again later', async () => {
    const groupId = await newGroup('overdue', 2)
    await produce(server.log, groupId, 1, 0, 1)
    const slow = member({ groupId, maxPollIntervalMs: 1_000 })
    const slowly = slow.consumer[Symbol.asyncIterator]()
    await slowly.next()
    const other = member({ groupId })
    const seen: Seen[] = []
    void collect(other.consumer, seen)
    // All records, including the batch that the slow member still handles.
    await vi.waitFor(() => expect(seen).toHaveLength(16), WAIT)
    expect(slow.consumer.assignment).toEqual([])
    const returned = slowly.next()
    await vi.waitFor(() => {
      expect(partitionsOf(slow)).toHaveLength(1)
      expect(partitionsOf(other)).toHaveLength(1)
    }, WAIT)
    const [mine = -1] = partitionsOf(slow)
    await produce(server.log, groupId, mine, 100, 101)
    const { value } = await returned
    expect((value as ConsumerBatch).records.map(({ valueText }) => valueText)).toEqual(['100'])
  })
})

describe('run()', () => {
  test('stops at an error, commits the finished batches, leaves, and rejects', async () => {
    const groupId = await newGroup('handler-error')
    const { consumer } = member({ groupId })
    const running = consumer.run(({ nextOffset }) => {
      if (nextOffset > 10) throw new Error('cannot handle it')
    })
    await expect(running).rejects.toThrow('cannot handle it')
    expect(await memberCount(server.url, groupId)).toBe(0)
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 10 })
  })

  test('waits for the other handlers before it rejects', async () => {
    const groupId = await newGroup('handler-others', 2)
    await produce(server.log, groupId, 1, 0, 3)
    const { consumer } = member({ groupId })
    let fail = () => {}
    const failing = new Promise<void>((_, reject) => {
      fail = () => reject(new Error('no'))
    })
    const running = consumer.run(
      async ({ partition }) => {
        if (partition === 0) return await failing
        fail()
        await new Promise((resolve) => setTimeout(resolve, 50))
      },
      { concurrency: 2 },
    )
    await expect(running).rejects.toThrow('no')
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 0, 1: 3 })
  })

  test('handles one batch per partition at a time, and at most `concurrency` in total', async () => {
    const groupId = await newGroup('concurrency', 4)
    for (const partition of range(1, 4)) {
      for (const from of range(0, 5)) await produce(server.log, groupId, partition, from, from + 1)
    }
    const { consumer } = member({ groupId })
    const busy = new Set<number>()
    let busyMax = 0
    const seen: Seen[] = []
    void consumer.run(
      async (batch) => {
        expect(busy).not.toContain(batch.partition)
        busy.add(batch.partition)
        busyMax = Math.max(busyMax, busy.size)
        await new Promise((resolve) => setTimeout(resolve, 10))
        busy.delete(batch.partition)
        seen.push(...seenIn(batch))
      },
      { concurrency: 2 },
    )
    await vi.waitFor(() => expect(seen).toHaveLength(30), WAIT)
    expect(busyMax).toBe(2)
    for (const partition of range(0, 4)) {
      const offsets = seen.filter((one) => one.partition === partition).map(({ offset }) => offset)
      expect(offsets).toEqual(range(0, offsets.length))
    }
  })

  test('does not fail when a handler stops because its partition is revoked', async () => {
    const groupId = await newGroup('stopping', 2)
    await produce(server.log, groupId, 1, 0, 5)
    const one = member({ groupId, autoCommitIntervalMs: 50 })
    const failed = vi.fn()
    let stopped = 0
    one.consumer
      .run(
        (_, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              stopped += 1
              reject(signal.reason)
            })
          }),
        { concurrency: 2 },
      )
      .catch(failed)
    await vi.waitFor(() => expect(partitionsOf(one)).toEqual([0, 1]), WAIT)
    const other = member({ groupId })
    const seen: Seen[] = []
    void collect(other.consumer, seen)
    await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(5), WAIT)
    expect(stopped).toBe(1)
    expect(seen[0]?.offset).toBe(0)
    expect(partitionsOf(one)).toHaveLength(1)
    await one.consumer.close({ timeoutMs: 1 })
    expect(failed).not.toHaveBeenCalled()
  })

  test('rejects a second run, and an iteration at the same time', async () => {
    const groupId = await newGroup('alone')
    const { consumer } = member({ groupId })
    void consumer.run(() => undefined)
    await expect(consumer.run(() => undefined)).rejects.toMatchObject({ code: 'invalid_request' })
    const iteration = consumer[Symbol.asyncIterator]().next()
    await expect(iteration).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('reports the lag', async () => {
    const groupId = await newGroup('lag')
    const { consumer } = member({ groupId })
    const reports: LagReport[] = []
    consumer.on('lag', (report) => reports.push(report))
    void collect(consumer, [])
    await vi.waitFor(() => expect(reports.at(-1)?.totalLag).toBe(0), WAIT)
    expect(reports[0]).toEqual({
      partitions: [{ topic: groupId, partition: 0, lag: 10 }],
      totalLag: 10,
    })
  })
})

describe('commit()', () => {
  test('accepts offsets of delivered records, and rejects others', async () => {
    const groupId = await newGroup('by-hand')
    const { consumer } = member({ groupId, autoCommit: false })
    const topic = groupId
    for await (const { nextOffset } of consumer) {
      await consumer.commit([{ topic, partition: 0, offset: nextOffset - 2, metadata: 'so far' }])
      const ahead = consumer.commit([{ topic, partition: 0, offset: nextOffset + 1 }])
      await expect(ahead).rejects.toMatchObject({ code: 'invalid_request' })
      const elsewhere = consumer.commit([{ topic, partition: 1, offset: 0 }])
      await expect(elsewhere).rejects.toMatchObject({ code: 'invalid_request' })
      break
    }
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 3 })
    for await (const batch of consumer) {
      // The rest of the batch that was left.
      expect(keysOf(seenIn(batch))).toEqual(['0:3', '0:4'])
      break
    }
    await consumer.close()
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 3 })
  })

  test('throws when the member is no longer in the group', async () => {
    const groupId = await newGroup('thrown-out')
    const one = member({ groupId, autoCommit: false })
    for await (const _ of one.consumer) {
      one.kill()
      await vi.waitFor(() => expect(one.consumer.assignment).toEqual([]), WAIT)
      await expect(one.consumer.commit([])).resolves.toBeUndefined()
      const late = one.consumer.commit([{ topic: groupId, partition: 0, offset: 5 }])
      await expect(late).rejects.toMatchObject({ code: 'unknown_member_id' })
      await expect(one.consumer.commit()).rejects.toMatchObject({ code: 'unknown_member_id' })
      break
    }
  })

  test('uses the position after a seek', async () => {
    const groupId = await newGroup('seeking')
    const { consumer } = member({ groupId })
    const seen: Seen[] = []
    for await (const batch of consumer) {
      seen.push(...seenIn(batch))
      if (seen.length === 15) consumer.seek(groupId, 0, 12)
      if (seen.length > 15) break
    }
    expect(keysOf(seen.slice(15))).toEqual(['0:12', '0:13', '0:14'])
    expect(consumer.position(groupId, 0)).toBe(12)
    await consumer.close()
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 12 })
  })

  test('keeps the position of a paused partition', async () => {
    const groupId = await newGroup('pausing', 2)
    const one = member({ groupId })
    const seen: Seen[] = []
    for await (const batch of one.consumer) {
      seen.push(...seenIn(batch))
      if (seen.length === 5) {
        one.consumer.pause(groupId, 0)
        await produce(server.log, groupId, 1, 0, 1)
      } else break
    }
    expect(keysOf(seen.slice(5))).toEqual(['1:0'])
    one.consumer.resume()
    for await (const batch of one.consumer) {
      seen.push(...seenIn(batch))
      if (seen.filter(({ partition }) => partition === 0).length === 15) break
    }
    await one.consumer.close()
    expect(await committedOffsets(server.url, groupId)).toMatchObject({ 0: 10 })
  })
})

describe('options', () => {
  test.each([
    [{ groupId: 'g' }, 'invalid_config'],
    [{ groupId: 'g', topics: [] }, 'invalid_config'],
    [{ groupId: 'g', topics: ['t'], topicPattern: 't' }, 'invalid_config'],
    [{ groupId: '', topics: ['t'] }, 'invalid_group_id'],
    [{ groupId: 'g', topics: ['t'], sessionTimeoutMs: 1 }, 'invalid_config'],
    [{ groupId: 'g', topics: ['t'], maxPollIntervalMs: 0 }, 'invalid_config'],
    [{ groupId: 'g', topics: ['t'], fetchBytesMax: 0 }, 'invalid_config'],
    [{ groupId: 'g', topics: ['t'], from: { timestamp: -1 } }, 'invalid_config'],
    [{ groupId: 'g', topics: ['t'], autoCommitIntervalMs: 2 ** 31 }, 'invalid_config'],
  ])('are rejected if %j, with %s', (options, code) => {
    expect(() => server.log.consumer(options)).toThrow(expect.objectContaining({ code }))
  })

  test('throw at once for an unknown topic', async () => {
    const { consumer } = member({ groupId: 'nowhere' })
    await expect(collect(consumer, [])).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
  })
})
