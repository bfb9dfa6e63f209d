/** Question: does the checker report every violation in a history, and no false one? */
import { describe, expect, test } from 'vitest'
import { checkGroupHistory } from './group-checkers.ts'
import type { MemberEvent } from './member-events.ts'

/** Returns the promises that these member histories break; they use only partition 0. */
function broken(...histories: ReadonlyArray<readonly MemberEvent[]>): string[] {
  const members = histories.map((events, index) => ({ name: `member${index + 1}`, events }))
  const violations = checkGroupHistory({ members, endOffsets: [], committed: [] })
  return violations.map(({ promise }) => promise)
}

const received = (memberId: string, epoch: number, atMs: number): MemberEvent => {
  return { kind: 'assignment received', memberId, epoch, partitions: [0], atMs }
}
const held = (memberId: string, sentAtMs: number): MemberEvent => {
  return { kind: 'held', memberId, partitions: [0], sentAtMs }
}
const committed = (memberId: string, sentAtMs: number): MemberEvent => {
  return {
    kind: 'commit accepted',
    memberId,
    epoch: 1,
    offsets: { 0: 0 },
    sentAtMs,
    isBySession: false,
  }
}

describe('checkGroupHistory()', () => {
  test('accepts an owner that uses a partition until another member receives it', () => {
    const one = [received('a', 1, 10), held('a', 11), committed('a', 20), held('a', 20)]
    expect(broken(one, [received('b', 2, 20), held('b', 20), committed('b', 30)])).toEqual([])
  })

  test.each([held, committed])('rejects use of a partition while another member owns it', (use) => {
    const one = [received('a', 1, 10), use('a', 30), received('a', 3, 40), use('a', 50)]
    expect(broken(one, [received('b', 2, 20)])).toEqual(['G3'])
  })

  test('rejects a member that uses a partition it never received', () => {
    expect(broken([held('a', 20)], [received('b', 1, 10)])).toEqual(['G3'])
  })

  test('accepts a late note of an older assignment', () => {
    const one = [received('a', 2, 20), held('a', 40), committed('a', 40)]
    expect(broken(one, [received('b', 1, 30)])).toEqual([])
  })

  test('rejects use of a partition if the note of an older assignment is the last one', () => {
    const one = [received('a', 2, 20), held('a', 40)]
    expect(broken(one, [received('b', 3, 25)], [received('c', 1, 30)])).toEqual(['G3'])
  })

  test('rejects two owners of a partition in one epoch', () => {
    expect(broken([received('a', 1, 10)], [received('b', 1, 20)])).toEqual(['G3'])
  })
})

describe('checkGroupHistory(), for the commits of a member', () => {
  const delivered: MemberEvent = { kind: 'delivered', partition: 0, offset: 3, nextOffset: 7 }
  const finished: MemberEvent = { kind: 'finished', partition: 0, nextOffset: 7 }
  const commit = (offset: number): MemberEvent => {
    return { kind: 'commit sent', memberId: 'a', offsets: { 0: offset } }
  }
  const fetched: MemberEvent = { kind: 'fetched', offsets: { 0: 3 } }

  test('accepts the first offset and finished offsets', () => {
    expect(broken([fetched, commit(3), delivered, commit(3), finished, commit(7)])).toEqual([])
  })

  test('rejects unfinished offsets, and offsets beyond the finished ones', () => {
    expect(broken([fetched, delivered, commit(7), finished])).toEqual(['G2'])
    expect(broken([fetched, delivered, finished, commit(8)])).toEqual(['G2'])
    expect(broken([commit(1)])).toEqual(['G2'])
  })
})
