/** Question: do the checkers see what is wrong in a history, and only that? */
import { describe, expect, test } from 'vitest'
import { checkGroupHistory } from './group-checkers.ts'
import type { MemberEvent } from './member-events.ts'

/** The promises that are broken by members that wrote this down; partition 0 alone counts. */
function broken(...histories: ReadonlyArray<readonly MemberEvent[]>): string[] {
  const members = histories.map((events, index) => ({ name: `member${index + 1}`, events }))
  const violations = checkGroupHistory({ members, endOffsets: [], committed: [] })
  return violations.map(({ promise }) => promise)
}

const told = (memberId: string, epoch: number, atMs: number): MemberEvent => {
  return { kind: 'told', memberId, epoch, partitions: [0], atMs }
}
const held = (memberId: string, sentAtMs: number): MemberEvent => {
  return { kind: 'held', memberId, partitions: [0], sentAtMs }
}
const committed = (memberId: string, sentAtMs: number): MemberEvent => {
  return { kind: 'commit taken', memberId, epoch: 1, offsets: { 0: 0 }, sentAtMs }
}

describe('a partition has one owner', () => {
  test('that holds and commits it until it is told to another', () => {
    const one = [told('a', 1, 10), held('a', 11), committed('a', 20), held('a', 20)]
    expect(broken(one, [told('b', 2, 20), held('b', 20), committed('b', 30)])).toEqual([])
  })

  test.each([held, committed])('and nobody uses it after that, also who gets it back', (use) => {
    const one = [told('a', 1, 10), use('a', 30), told('a', 3, 40), use('a', 50)]
    expect(broken(one, [told('b', 2, 20)])).toEqual(['G3'])
  })

  test('and nobody uses it who never was told to take it', () => {
    expect(broken([held('a', 20)], [told('b', 1, 10)])).toEqual(['G3'])
  })

  test('whoever wrote down late that it was told', () => {
    const one = [told('a', 2, 20), held('a', 40), committed('a', 40)]
    expect(broken(one, [told('b', 1, 30)])).toEqual([])
  })

  test('also where such a late note is the last', () => {
    const one = [told('a', 2, 20), held('a', 40)]
    expect(broken(one, [told('b', 3, 25)], [told('c', 1, 30)])).toEqual(['G3'])
  })

  test('in each epoch', () => {
    expect(broken([told('a', 1, 10)], [told('b', 1, 20)])).toEqual(['G3'])
  })
})

describe('a member commits', () => {
  const delivered: MemberEvent = { kind: 'delivered', partition: 0, offset: 3, nextOffset: 7 }
  const finished: MemberEvent = { kind: 'finished', partition: 0, nextOffset: 7 }
  const commit = (offset: number): MemberEvent => {
    return { kind: 'commit sent', memberId: 'a', offsets: { 0: offset } }
  }
  const fetched: MemberEvent = { kind: 'fetched', offsets: { 0: 3 } }

  test('where it began, and what is finished', () => {
    expect(broken([fetched, commit(3), delivered, commit(3), finished, commit(7)])).toEqual([])
  })

  test('nothing that is not finished, nor what comes after it', () => {
    expect(broken([fetched, delivered, commit(7), finished])).toEqual(['G2'])
    expect(broken([fetched, delivered, finished, commit(8)])).toEqual(['G2'])
    expect(broken([commit(1)])).toEqual(['G2'])
  })
})
