/** A poll that finds nothing, or loses its partitions, with a fake group and clock. */
import { describe, expect, test } from 'vitest'
import { connect, type PolledRecords, type PollOptions } from '../../client/index.ts'
import { FakeGroup } from './fake-group.ts'
import { ManualClock } from './manual-clock.ts'
import { pass, passSlowly, settle } from './running-member.ts'

function newPoll(options: Partial<PollOptions> = {}) {
  const group = new FakeGroup()
  group.epoch = 1
  group.partitions = [0]
  const clock = new ManualClock()
  const client = connect({
    url: 'http://group.test',
    fetch: group.fetch,
    clock,
    random: () => 0.5,
    newMemberId: () => 'me',
  })
  const poll = () => client.group('g').poll({ topics: ['t'], from: 'earliest', ...options })
  return { group, clock, poll }
}

/** Returns the number of records, or the error code, after time has passed. */
async function result(clock: ManualClock, polling: Promise<PolledRecords>): Promise<unknown> {
  const seen = polling.then(
    ({ records }) => records.length,
    ({ code }) => code,
  )
  // Long enough for a leave without a response.
  await passSlowly(clock, 12_000)
  return await seen
}

const UNAVAILABLE = { code: 'unavailable' } as const

describe('a poll without records', () => {
  test.each([
    ['a lost connection', { fate: 'lost' }, 'unavailable'],
    ['a missing response', { fate: 'silent' }, 'unavailable'],
    ['a server that fails', { fate: UNAVAILABLE }, 'unavailable'],
    ['offsets that cannot be fetched', { offsetsFate: UNAVAILABLE }, 'unavailable'],
    ['logs that cannot be read', { recordsFate: UNAVAILABLE }, 'unavailable'],
    [
      'an instance id in use',
      { fate: { code: 'unreleased_instance_id' } },
      'unreleased_instance_id',
    ],
    ['an empty log', {}, 0],
    ['a missing assignment', { partitions: [] }, 0],
  ] as const)('reports %s', async (_, state, expected) => {
    const { group, clock, poll } = newPoll({ instanceId: 'i' })
    Object.assign(group, state)
    expect(await result(clock, poll())).toBe(expected)
    expect(clock.pending).toBe(0)
  })

  test('leaves no timer behind when it is rejected', async () => {
    const { group, clock, poll } = newPoll()
    group.fates.push({ code: 'unauthorized' })
    await expect(poll()).rejects.toMatchObject({ code: 'unauthorized' })
    expect(clock.pending).toBe(0)
  })
})

test("a poll does not commit a partition that was another member's meanwhile, even if it was assigned again", async () => {
  const { group, clock, poll } = newPoll()
  group.append(0, 2)
  const polling = poll()
  await settle()
  await pass(clock, 100)
  const { records, commit } = await polling
  expect(records).toHaveLength(2)
  group.fates.push({ code: 'fenced_member_epoch' })
  await pass(clock, 1_000)
  await pass(clock, 0)
  await expect(commit()).rejects.toMatchObject({ code: 'stale_member_epoch' })
  expect(group.commits).toEqual([])
  expect(group.last.memberEpoch).toBe(-1)
  expect(clock.pending).toBe(0)
})
