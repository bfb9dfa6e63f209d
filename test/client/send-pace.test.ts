import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SEND_WINDOW_BYTES_MIN, SEND_WINDOW_MS } from '../../client/limits.ts'
import {
  extraTimeMs,
  mayBegin,
  mayFollow,
  paceAfter,
  pacedBatchBytes,
  type SendPace,
  type SentRequest,
  UNKNOWN_PACE,
} from '../../client/producer/send-pace.ts'

const MIN = SEND_WINDOW_BYTES_MIN
const pace = (windowBytes: number): SendPace => ({ windowBytes, isMeasured: true })
const request = (
  result: SentRequest['result'],
  sizeBytes: number,
  elapsedMs: number,
  underWayBytes = sizeBytes,
): SentRequest => ({ result, sizeBytes, underWayBytes, elapsedMs })

describe('paceAfter', () => {
  test.each([
    [
      'grows with a large request that is quick',
      UNKNOWN_PACE,
      request('acked', 8_192, 10),
      3_276_800,
    ],
    [
      'grows to what the request alone shows',
      pace(MIN),
      request('acked', 10_000, 1_000, 40_000),
      40_000,
    ],
    ['keeps the window after a small request', pace(500_000), request('acked', 100, 50), 500_000],
    [
      'shrinks after a slow request',
      pace(500_000),
      request('acked', 10_000, 8_000, 400_000),
      200_000,
    ],
    [
      'keeps a window that is smaller than a slow request shows',
      pace(20_000),
      request('acked', 90_000, 4_001),
      20_000,
    ],
    ['never shrinks below the first window', pace(MIN), request('acked', 100, 60_000), MIN],
    [
      'is reset after a request that timed out',
      pace(500_000),
      request('failed', 90_000, 30_000),
      MIN,
    ],
    [
      'keeps the window after a connection that failed at once',
      pace(500_000),
      request('failed', 90_000, 20),
      500_000,
    ],
    [
      'keeps the window after an error response',
      pace(500_000),
      request('answered', 90_000, 9_000),
      500_000,
    ],
    ['takes no time for one millisecond', pace(MIN), request('acked', 1_000, 0), 4_000_000],
  ])('%s', (_, before, sent, windowBytes) => {
    expect(paceAfter(before, sent).windowBytes).toBe(windowBytes)
  })

  test('counts a line as measured only after a large or a slow request', () => {
    const isMeasured = (sent: SentRequest) => paceAfter(UNKNOWN_PACE, sent).isMeasured
    expect(isMeasured(request('acked', 100, 10))).toBe(false)
    expect(isMeasured(request('answered', 100_000, 10))).toBe(false)
    expect(isMeasured(request('failed', 100, 10))).toBe(false)
    expect(isMeasured(request('acked', MIN / 2, 10))).toBe(true)
    expect(isMeasured(request('acked', 100, SEND_WINDOW_MS + 1))).toBe(true)
    expect(isMeasured(request('failed', 100, SEND_WINDOW_MS + 1))).toBe(true)
  })

  test('never assumes a faster line than it is', () => {
    const line = fc.double({ min: 1, max: 100_000, noNaN: true })
    const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(line, sizes, (bytesPerMs, given) => {
        let now = UNKNOWN_PACE
        for (const sizeBytes of given) {
          now = paceAfter(now, request('acked', sizeBytes, Math.ceil(sizeBytes / bytesPerMs)))
        }
        const carriedBytes = bytesPerMs * SEND_WINDOW_MS
        expect(now.windowBytes).toBeLessThanOrEqual(Math.max(MIN, carriedBytes * 1.001))
      }),
    )
  })
})

test('mayBegin() admits a request within the window, and a larger one alone', () => {
  expect(mayBegin(pace(100_000), 60_000, 40_000)).toBe(true)
  expect(mayBegin(pace(100_000), 60_000, 40_001)).toBe(false)
  expect(mayBegin(pace(100_000), 0, 1_000_000)).toBe(true)
})

test('mayFollow() admits a batch behind another if the line is fast', () => {
  expect(mayFollow(pace(800_000), 100_000)).toBe(true)
  expect(mayFollow(pace(800_000), 100_001)).toBe(false)
})

test('pacedBatchBytes() returns half of the window', () => {
  expect(pacedBatchBytes(pace(100_001))).toBe(50_000)
})

test('extraTimeMs() adds time for the bytes beyond the window', () => {
  expect(extraTimeMs(pace(100_000), 100_000)).toBe(0)
  expect(extraTimeMs(pace(100_000), 300_001)).toBe(100_001)
})
