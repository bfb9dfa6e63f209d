/** Members of groups that handle their records in transactions, and die. */
import { describe, expect, test } from 'vitest'
import { allKeys, copyTo, newGroup, PRODUCERS, valuesOf } from './copying-member.ts'
import {
  committedOffsets,
  type Member,
  partitionsOf,
  produce,
  range,
  startMember,
} from './group-member.ts'
import { useGroupServer } from './group-server.ts'

const server = useGroupServer()

describe.each(PRODUCERS)('run() in transactions %s', (_, newProducer) => {
  test('handles each record once while members join and die', async () => {
    const { groupId, sink } = await newGroup(server, 2)
    const run = (member: Member) => {
      // The log aborts the transaction that the dead member leaves open.
      const transactional = newProducer(member.client, { transactionTimeoutMs: 1_000 })
      return member.consumer.run(copyTo(sink), { transactional })
    }
    // Not closed: it is dead at the end.
    const first = await startMember(server.url, { groupId, fetchBytesMax: 1 })
    run(first).catch(() => undefined)
    await expect.poll(() => partitionsOf(first)).toEqual([0, 1])
    const second = await server.member({ groupId, fetchBytesMax: 1 })
    const done = run(second)
    for (const round of range(1, 4)) {
      for (const partition of [0, 1]) {
        await produce(server.log, groupId, partition, round * 5, round * 5 + 5)
      }
      if (round === 2) first.kill()
    }
    await expect.poll(() => committedOffsets(server.url, groupId)).toEqual({ 0: 20, 1: 20 })
    expect((await valuesOf(server.url, sink)).toSorted()).toEqual(allKeys(2, 20))
    await second.consumer.close()
    await done
  })
})
