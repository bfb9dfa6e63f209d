/** Question: is a group that makes progress waited for, and one that is stuck or never settles reported? */
import { expect, test } from 'vitest'
import { type DescribedGroup, SETTLE_MS_MAX, STUCK_MS_MAX, settle } from './settling.ts'

const STEP_MS = 10_000

const settled: DescribedGroup = {
  state: 'stable',
  groupEpoch: 5,
  memberCount: 1,
  totalLag: 0,
  members: [{ memberId: 'a', memberEpoch: 5, state: 'stable' }],
  offsets: [{ partition: 0, committedOffset: 9, highWatermark: 9 }],
}
const lagging = (committedOffset: number): DescribedGroup => {
  const offsets = [{ partition: 0, committedOffset, highWatermark: 9_000 }]
  return { ...settled, totalLag: 9_000 - committedOffset, offsets }
}

/** Waits for a group with one member, whose state after each pause of ten seconds `at` returns. */
async function settleWith(at: (step: number) => DescribedGroup | string) {
  let step = 0
  return await settle({
    look: async () => at(step),
    members: 1,
    nowMs: () => step * STEP_MS,
    pause: async () => {
      step += 1
    },
  })
}

test('returns the time after which the group has settled', async () => {
  expect(await settleWith(() => settled)).toMatchObject({ settledAfterMs: 0 })
  const late = await settleWith((step) => (step < 3 ? lagging(1) : settled))
  expect(late).toMatchObject({ settledAfterMs: 3 * STEP_MS })
})

test('waits for as long as the group commits', async () => {
  const steps = (2 * STUCK_MS_MAX) / STEP_MS
  const { settledAfterMs } = await settleWith((step) => (step < steps ? lagging(step) : settled))
  expect(settledAfterMs).toBe(2 * STUCK_MS_MAX)
})

test('does not wait for a group that no longer changes', async () => {
  const settling = await settleWith((step) => lagging(Math.min(step, 2)))
  expect(settling.settledAfterMs).toBeNull()
  expect(settling.changes.map(({ afterMs }) => afterMs)).toEqual([0, STEP_MS, 2 * STEP_MS])
  expect(settling.changes.at(-1)?.state).toContain('lag 8998')
})

test.each([
  ['has a member too many', { ...settled, memberCount: 2 }],
  ['is still assigning', { ...settled, state: 'assigning' }],
  ['does not respond', 'no group: 503'],
])('does not wait for a group that %s', async (_, group) => {
  expect(await settleWith(() => group)).toMatchObject({ settledAfterMs: null })
})

test('does not wait for ever for a group that changes for ever', async () => {
  let steps = 0
  const { settledAfterMs } = await settleWith((step) => {
    steps = step
    return lagging(step % 2)
  })
  expect(settledAfterMs).toBeNull()
  expect(steps * STEP_MS).toBe(SETTLE_MS_MAX + STEP_MS)
})
