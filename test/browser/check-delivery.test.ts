import { describe, expect, test } from 'vitest'
import { checkDelivery, recordId } from './support/check-delivery.ts'

const ids = (sender: string, ...numbers: number[]) =>
  numbers.map((number) => recordId({ sender, number }))

const log = (...partitions: string[][]) => new Map(partitions.entries())

describe('the checker of deliveries', () => {
  test('accepts records delivered once and in order, by several senders', () => {
    const queued = [...ids('a', 0, 1, 2, 3), ...ids('b', 0, 1)]
    const delivered = log(
      [...ids('a', 0), ...ids('b', 0), ...ids('a', 2)],
      [...ids('b', 1), ...ids('a', 1, 3)],
    )
    expect(checkDelivery({ queued, log: delivered })).toEqual([])
  })

  test('accepts a record that was not reported', () => {
    expect(checkDelivery({ queued: ids('a', 0), log: log(ids('a', 0, 1)) })).toEqual([])
  })

  test('detects a loss', () => {
    expect(checkDelivery({ queued: ids('a', 0, 1, 2), log: log(ids('a', 0, 2)) })).toEqual([
      'a#1 was queued and is lost',
    ])
  })

  test('detects a duplicate, also in another partition, and of an unreported record', () => {
    expect(checkDelivery({ queued: ids('a', 0), log: log(ids('a', 0, 0)) })).toEqual([
      'a#0 lies at 0@0 and 0@1',
    ])
    expect(checkDelivery({ queued: [], log: log(ids('a', 7), ids('a', 7)) })).toEqual([
      'a#7 lies at 0@0 and 1@0',
    ])
  })

  test('detects a wrong order', () => {
    expect(checkDelivery({ queued: [], log: log(ids('a', 1, 0, 2)) })).toEqual([
      'a#0 lies at 0@1, behind number 1',
    ])
  })

  test('detects a repeated run', () => {
    const violations = checkDelivery({ queued: [], log: log(ids('a', 0, 1, 2, 0, 1, 2)) })
    expect(violations).toContain('a#1 lies at 0@1 and 0@4')
    expect(violations).toContain('a#1 lies at 0@4, behind number 2')
  })

  test('detects a record that was never sent', () => {
    expect(checkDelivery({ queued: [], log: log(['x']) })).toEqual([
      'partition 0, offset 0: never sent: x',
    ])
  })
})
