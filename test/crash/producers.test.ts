/** Question: does a producer pause when an append fails? Without a pause its process could do nothing else. */
import { expect, test } from 'vitest'
import { Random } from '../support/random.ts'
import type { Outcome } from './history.ts'
import { runIdempotentProducer, runPlainProducer } from './producers.ts'

const CALLS_MAX = 1_000

test.each([
  ['an idempotent producer', runIdempotentProducer.bind(null, 'a', 4)],
  ['a plain producer', runPlainProducer.bind(null, 'a')],
])('%s lets timers fire while its appends are refused at once', async (_, run) => {
  let calls = 0
  let isRunning = true
  const refused: Outcome = { kind: 'fail', code: 'throttled' }
  setTimeout(() => {
    isRunning = false
  })
  await run({
    client: {
      append: async () => {
        calls += 1
        return refused
      },
    },
    partitions: 1,
    random: new Random(1),
    appends: [],
    isRunning: () => isRunning && calls < CALLS_MAX,
    isOver: () => false,
  })
  expect(calls).toBeGreaterThan(0)
  expect(calls).toBeLessThan(CALLS_MAX)
})
