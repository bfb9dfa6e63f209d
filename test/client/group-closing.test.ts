/** The end of a membership: a member leaves its group even if a handler hangs, fails, or a call is rejected. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../client/clock.ts'
import { closeMembers, newMember, pass, passSlowly, running, settle } from './running-member.ts'

afterEach(closeMembers)

const HAS_LEFT = { memberId: 'me', memberEpoch: -1 }

describe('run()', () => {
  test('rejects and leaves the group when one handler throws and another hangs', async () => {
    const { group, clock, of, onFailed } = await running([0, 1], { maxPollIntervalMs: 60_000 })
    group.append(0)
    group.append(1)
    await settle()
    of('0:0').fail(new Error('boom'))
    await passSlowly(clock, 9_900)
    // The other one keeps its time.
    expect(of('1:0').signal.aborted).toBe(false)
    await passSlowly(clock, 200)
    expect(of('1:0').signal.aborted).toBe(true)
    expect(onFailed).toHaveBeenCalledWith(new Error('boom'))
    expect(group.last).toEqual(HAS_LEFT)
  })

  test('ends with close(), even if a handler hangs', async () => {
    const { group, clock, consumer, onDone } = await running([0])
    group.append(0)
    await settle()
    const closed = consumer.close({ timeoutMs: 1_000 })
    await pass(clock, 900)
    expect(onDone).not.toHaveBeenCalled()
    await pass(clock, 100)
    await closed
    await settle()
    expect(onDone).toHaveBeenCalled()
    expect(group.last).toEqual(HAS_LEFT)
  })

  test('and close() reject after leaving when the last commit fails permanently', async () => {
    const { group, client, of, consumer, onFailed } = await running([0])
    group.append(0)
    await settle()
    group.commitFates.push({ code: 'unauthorized' })
    const closed = consumer.close()
    of('0:0').finish()
    const unauthorized = expect.objectContaining({ code: 'unauthorized' })
    await expect(closed).rejects.toEqual(unauthorized)
    await settle()
    expect(onFailed).toHaveBeenCalledWith(unauthorized)
    expect(group.last).toEqual(HAS_LEFT)
    await client.close()
  })

  test('resolves when another member has the partition by then', async () => {
    const { group, of, consumer, onDone } = await running([0])
    group.append(0)
    await settle()
    group.commitFates.push({ code: 'stale_member_epoch' })
    const closed = consumer.close()
    of('0:0').finish()
    await closed
    await settle()
    expect(onDone).toHaveBeenCalled()
  })
})

describe('a for await', () => {
  test('has left its group when it throws', async () => {
    const { group, clock, consumer } = await newMember([0])
    const next = consumer[Symbol.asyncIterator]().next()
    const seen = next.catch((error) => ({ code: error.code, last: group.last }))
    await settle()
    group.fates.push({ code: 'unauthorized' })
    await pass(clock, 1_000)
    expect(await seen).toEqual({ code: 'unauthorized', last: HAS_LEFT })
  })

  test('finishes its batch when it is closed from outside with a timeoutMs', async () => {
    const { group, clock, consumer } = await newMember([0])
    const batches = consumer[Symbol.asyncIterator]()
    group.append(0, 2)
    await batches.next()
    const closed = consumer.close({ timeoutMs: 5_000 })
    await pass(clock, 4_000)
    expect(group.last).not.toEqual(HAS_LEFT)
    expect((await batches.next()).done).toBe(true)
    await closed
    expect(group.events.at(-1)).toBe('commit 0:1')
  })
})

describe('close()', () => {
  test('leaves neither timers nor calls behind when a commit hangs', async () => {
    const { group, clock, of, consumer } = await running([0], { autoCommitIntervalMs: 1_000 })
    group.append(0)
    await settle()
    of('0:0').finish()
    group.commitFates.push('silent')
    await pass(clock, 1_000)
    expect(group.commits).toHaveLength(1)
    const closed = consumer.close()
    await settle()
    await pass(clock, 3_000)
    await closed
    await settle()
    expect(group.last).toEqual(HAS_LEFT)
    expect(clock.pending).toBe(0)
  })

  test('does not wait for the pause of a failed commit', async () => {
    const { group, clock, of, consumer } = await running([0], { autoCommitIntervalMs: 1_000 })
    group.append(0)
    await settle()
    of('0:0').finish()
    await settle()
    group.commitFates.push(...Array(100).fill({ code: 'unavailable' }))
    await passSlowly(clock, 10_000)
    group.commitFates.length = 0
    group.events.length = 0
    await consumer.close()
    expect(group.events).toEqual(['commit 0:1'])
  })

  test.each([-1, Number.NaN, 2 ** 31])('rejects a timeoutMs of %d', async (timeoutMs) => {
    const { consumer } = await newMember([0])
    const refused = consumer.close({ timeoutMs })
    await expect(refused).rejects.toMatchObject({ code: 'invalid_config' })
  })
})

test('a delay beyond the maximum of a timer does not count as none', () => {
  const setTimeout = vi.spyOn(globalThis, 'setTimeout')
  for (const delayMs of [2 ** 31, Number.POSITIVE_INFINITY]) {
    systemClock.clearTimeout(systemClock.setTimeout(() => {}, delayMs))
    expect(setTimeout).toHaveBeenLastCalledWith(expect.anything(), 2 ** 31 - 1)
  }
  setTimeout.mockRestore()
})
