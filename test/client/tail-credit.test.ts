import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TailCredit } from '../../client/consumer/tail-credit.ts'
import { TAIL_CREDIT_BYTES_MIN } from '../../client/limits.ts'

const MAX = 1_048_576

/** Takes `bytes` in pieces, one every `everyMs`; returns the bytes granted beyond those taken. */
function ahead(credit: TailCredit, bytes: number, everyMs: number): number {
  let nowMs = 0
  let takenBytes = 0
  let grantedBytes = credit.firstBytes
  while (takenBytes < bytes) {
    nowMs += everyMs
    takenBytes += 4_096
    grantedBytes += credit.take(4_096, nowMs)
  }
  return grantedBytes - takenBytes
}

test('a credit grows to its limit if it is used up quickly', () => {
  const aheadBytes = ahead(new TailCredit(MAX, 0), 4 * MAX, 1)
  expect(aheadBytes).toBeGreaterThan(MAX / 2)
  expect(aheadBytes).toBeLessThanOrEqual(MAX)
})

test('a credit stays small on a slow line', () => {
  // 20 kbit/s.
  expect(ahead(new TailCredit(MAX, 0), MAX, 1_600)).toBeLessThanOrEqual(TAIL_CREDIT_BYTES_MIN)
})

test('a used credit always leaves the log more than half of the window', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 300_000 }), fc.nat({ max: 3_000 })))
  const bounds = fc.integer({ min: 1, max: MAX })
  fc.assert(
    fc.property(bounds, steps, (bytesMax, given) => {
      const credit = new TailCredit(bytesMax, 0)
      let nowMs = 0
      let leftBytes = credit.firstBytes
      for (const [bytes, afterMs] of given) {
        nowMs += afterMs
        leftBytes += credit.take(bytes, nowMs) - bytes
        expect(leftBytes).toBeGreaterThan(0)
        expect(leftBytes).toBeLessThanOrEqual(bytesMax)
      }
    }),
  )
})
