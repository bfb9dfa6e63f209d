/** Members of a group against the real server: assignments, and delivery of every record. */
import { describe, expect, test, vi } from 'vitest'
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

async function newGroup(groupId: string, partitions: number): Promise<string> {
  await server.log.admin.createTopic(groupId, { partitions })
  return groupId
}

/** Returns a promise and its resolver. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describe('a group', () => {
  test.each(['auto', 'long-poll'] as const)(
    'by %s shares partitions, delivers each record to one member, and continues where it stopped',
    async (transport) => {
      const groupId = await newGroup(`shared-${transport}`, 4)
      for (const partition of range(0, 4)) await produce(server.log, groupId, partition, 0, 50)
      const seen: Seen[] = []
      const one = await server.member({ groupId, transport })
      const other = await server.member({ groupId, transport })
      const running = [collect(one.consumer, seen), collect(other.consumer, seen, 2)]
      await vi.waitFor(() => {
        expect(partitionsOf(one)).toHaveLength(2)
        expect(partitionsOf(other)).toHaveLength(2)
        expect(new Set(keysOf(seen)).size).toBe(200)
      }, WAIT)
      for (const partition of range(0, 4)) await produce(server.log, groupId, partition, 50, 100)
      await vi.waitFor(() => expect(new Set(keysOf(seen)).size).toBe(400), WAIT)
      await one.consumer.close()
      await other.consumer.close()
      await Promise.all(running)
      // Partitions moved while they were read, and were revoked properly: no record was delivered twice.
      expect(seen).toHaveLength(400)
      expect(await memberCount(server.url, groupId)).toBe(0)
      expect(await committedOffsets(server.url, groupId)).toEqual({
        0: 100,
        1: 100,
        2: 100,
        3: 100,
      })

      await produce(server.log, groupId, 2, 100, 110)
      const third = await server.member({ groupId, transport })
      const resumed: Seen[] = []
      void collect(third.consumer, resumed)
      await vi.waitFor(() => expect(resumed).toHaveLength(10), WAIT)
      expect(keysOf(resumed)).toEqual(range(100, 110).map((offset) => `2:${offset}`))
    },
  )
  test('moves partitions while the remaining ones continue', async () => {
    const groupId = await newGroup('moving', 6)
    const stuck = new Map<number, { signal: AbortSignal; release: () => void }>()
    const seen: Seen[] = []
    const run = ({ consumer }: Member) =>
      consumer.run(
        async (batch, { signal }) => {
          seen.push(...seenIn(batch))
          if (batch.records[0]?.valueText !== '0') return
          const { passed, open } = gate()
          stuck.set(batch.partition, { signal, release: open })
          await passed
        },
        { concurrency: 6 },
      )
    const one = await server.member({ groupId })
    const other = await server.member({ groupId })
    void run(one)
    void run(other)
    await vi.waitFor(() => {
      expect([...partitionsOf(one), ...partitionsOf(other)].toSorted()).toEqual(range(0, 6))
      expect(partitionsOf(one)).toHaveLength(3)
    }, WAIT)
    for (const partition of range(0, 6)) await produce(server.log, groupId, partition, 0, 1)
    await vi.waitFor(() => expect(stuck.size).toBe(6), WAIT)

    const third = await server.member({ groupId })
    const atThird: Seen[] = []
    void collect(third.consumer, atThird)
    const isMoving = (partition: number) => stuck.get(partition)?.signal.aborted ?? false
    await vi.waitFor(() => expect(range(0, 6).filter(isMoving)).toHaveLength(2), WAIT)
    const staying = range(0, 6).filter((partition) => !isMoving(partition))
    const moving = range(0, 6).filter(isMoving)
    for (const partition of staying) stuck.get(partition)?.release()
    for (const partition of range(0, 6)) await produce(server.log, groupId, partition, 1, 11)
    const wanted = staying.flatMap((p) => range(1, 11).map((offset) => `${p}:${offset}`))
    await vi.waitFor(() => expect(keysOf(seen)).toEqual(expect.arrayContaining(wanted)), WAIT)
    // No member holds the partitions whose batches are still being handled.
    expect(atThird).toEqual([])
    for (const partition of moving) stuck.get(partition)?.release()
    await vi.waitFor(() => expect(atThird).toHaveLength(20), WAIT)
    // The batches in progress were finished and committed before their partitions moved.
    expect(new Set(keysOf(atThird))).toEqual(
      new Set(moving.flatMap((p) => range(1, 11).map((offset) => `${p}:${offset}`))),
    )
    expect(new Set(keysOf(seen)).size).toBe(seen.length)
    const assigned = [...one.changes, ...other.changes].flatMap((change) => change.assigned)
    const revoked = [...one.changes, ...other.changes].flatMap((change) => change.revoked)
    const times = (list: typeof assigned, wantedPartition: number) =>
      list.filter(({ partition }) => partition === wantedPartition).length
    // Each remaining partition was assigned once more than it was revoked, so it never moved.
    for (const partition of staying) {
      expect(times(assigned, partition) - times(revoked, partition)).toBe(1)
    }
  })

  test('takes over from a dead member, at its last commit', async () => {
    const groupId = await newGroup('takeover', 2)
    const one = await server.member({ groupId, fetchBytesMax: 1, autoCommitIntervalMs: 50 })
    let isStuck = false
    const { passed, open } = gate()
    let signalled = false
    void one.consumer.run(async ({ records }, { signal }) => {
      if (records[0]?.valueText !== '10') return
      signal.addEventListener('abort', () => {
        signalled = true
      })
      isStuck = true
      await passed
    })
    await produce(server.log, groupId, 1, 0, 10)
    await vi.waitFor(async () => {
      expect(await committedOffsets(server.url, groupId)).toMatchObject({ 1: 10 })
    }, WAIT)
    await produce(server.log, groupId, 1, 10, 20)
    await vi.waitFor(() => expect(isStuck).toBe(true), WAIT)
    one.kill()
    const seen: Seen[] = []
    const other = await server.member({ groupId })
    void collect(other.consumer, seen)
    await vi.waitFor(() => expect(seen).toHaveLength(10), WAIT)
    expect(keysOf(seen)).toEqual(range(10, 20).map((offset) => `1:${offset}`))
    await vi.waitFor(() => expect(signalled).toBe(true), WAIT)
    expect(one.changes.at(-1)).toMatchObject({ lost: [{}, {}], current: [] })
    open()
    await vi.waitFor(() => expect(partitionsOf(other)).toEqual([0, 1]), WAIT)
  })

  test('keeps the partitions of a static member that returns', async () => {
    const groupId = await newGroup('static', 2)
    const one = await server.member({ groupId, instanceId: 'a', sessionTimeoutMs: 10_000 })
    const other = await server.member({ groupId, instanceId: 'b' })
    const seen: Seen[] = []
    void collect(one.consumer, seen)
    void collect(other.consumer, [])
    await vi.waitFor(() => {
      expect(partitionsOf(one)).toHaveLength(1)
      expect(partitionsOf(other)).toHaveLength(1)
    }, WAIT)
    const [mine = -1] = partitionsOf(one)
    const changesBefore = other.changes.length
    await one.consumer.close()
    await produce(server.log, groupId, mine, 0, 5)
    const back = await server.member({ groupId, instanceId: 'a' })
    void collect(back.consumer, seen)
    await vi.waitFor(() => expect(seen).toHaveLength(5), WAIT)
    expect(partitionsOf(back)).toEqual([mine])
    expect(other.changes).toHaveLength(changesBefore)
    const thief = await server.member({ groupId, instanceId: 'a', sessionTimeoutMs: 1_000 })
    await expect(collect(thief.consumer, [])).rejects.toMatchObject({
      code: 'unreleased_instance_id',
    })
  })

  test('gives the partitions of a dead static member to a member with the same instance id', async () => {
    const groupId = await newGroup('static-death', 1)
    const one = await server.member({ groupId, instanceId: 'a', sessionTimeoutMs: 1_000 })
    const seen: Seen[] = []
    void collect(one.consumer, seen)
    await produce(server.log, groupId, 0, 0, 1)
    await vi.waitFor(() => expect(seen).toHaveLength(1), WAIT)
    await one.consumer.commit()
    one.kill()
    const next = await server.member({ groupId, instanceId: 'a', sessionTimeoutMs: 1_000 })
    void collect(next.consumer, seen)
    await produce(server.log, groupId, 0, 1, 2)
    await vi.waitFor(() => expect(keysOf(seen)).toEqual(['0:0', '0:1']), WAIT)
  })

  test('assigns partitions that are added to a topic', async () => {
    const groupId = await newGroup('growing', 1)
    const seen: Seen[] = []
    const one = await server.member({ groupId })
    void collect(one.consumer, seen)
    await produce(server.log, groupId, 0, 0, 5)
    await vi.waitFor(() => expect(seen).toHaveLength(5), WAIT)
    await server.log.admin.alterTopic(groupId, { partitions: 3 })
    await produce(server.log, groupId, 2, 0, 5)
    await vi.waitFor(() => expect(seen).toHaveLength(10), WAIT)
    expect(partitionsOf(one)).toEqual([0, 1, 2])
    expect(one.changes.flatMap(({ revoked, lost }) => [...revoked, ...lost])).toEqual([])
  })

  test('starts again in a topic that was deleted and recreated', async () => {
    const groupId = await newGroup('reborn', 1)
    await server.log.admin.createTopic('reborn-beside')
    const seen: Seen[] = []
    const one = await server.member({
      groupId,
      topics: ['reborn', 'reborn-beside'],
      autoCommitIntervalMs: 50,
    })
    void collect(one.consumer, seen)
    await produce(server.log, groupId, 0, 0, 5)
    await vi.waitFor(() => expect(seen).toHaveLength(5), WAIT)
    await server.log.admin.deleteTopic(groupId)
    await server.log.admin.createTopic(groupId)
    await produce(server.log, groupId, 0, 100, 103)
    await vi.waitFor(() => expect(seen.map(({ value }) => value)).toContain('102'), WAIT)
    expect(seen.slice(5).map(({ value }) => value)).toEqual(['100', '101', '102'])
    await produce(server.log, 'reborn-beside', 0, 0, 1)
    await vi.waitFor(() => expect(seen).toHaveLength(9), WAIT)
  })

  test('subscribes by pattern', async () => {
    await server.log.admin.createTopic('logs-a')
    const seen: Seen[] = []
    const one = await server.member({ groupId: 'pattern', topicPattern: 'logs-.*' })
    void collect(one.consumer, seen)
    await produce(server.log, 'logs-a', 0, 0, 1)
    await vi.waitFor(() => expect(seen).toHaveLength(1), WAIT)
    await server.log.admin.createTopic('logs-b')
    await produce(server.log, 'logs-b', 0, 0, 1)
    await vi.waitFor(
      () => expect(seen.map(({ topic }) => topic)).toEqual(['logs-a', 'logs-b']),
      WAIT,
    )
  })

  test('commits its start position at the end of the log', async () => {
    const groupId = await newGroup('latest', 1)
    await produce(server.log, groupId, 0, 0, 7)
    const one = await server.member({ groupId, from: 'latest', autoCommitIntervalMs: 50 })
    void collect(one.consumer, [])
    await vi.waitFor(async () => {
      expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 7 })
    }, WAIT)
    await one.consumer.close()
    await produce(server.log, groupId, 0, 7, 9)
    const seen: Seen[] = []
    void collect((await server.member({ groupId, from: 'latest' })).consumer, seen)
    await vi.waitFor(() => expect(keysOf(seen)).toEqual(['0:7', '0:8']), WAIT)
  })
})
