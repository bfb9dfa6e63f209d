/** How many groups one response describes; needs groups of chosen sizes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeEach } from '../../src/broker/describe-each.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { checkDescriptionSize } from '../../src/core/group/description-size.ts'
import { DESCRIBED_GROUPS_BYTES_MAX, EDGE_FANOUT_MAX } from '../../src/core/limits.ts'
import { runs, SEEDED } from '../support/seed.ts'

interface Described {
  readonly groupId: string
  readonly sizeBytes: number
}

/** Makes groups by id with their sizes, and records the largest total of limits that were reserved at a time. */
function groupsOf(sizes: ReadonlyMap<string, number>) {
  let underWay = 0
  let heldBytes = 0
  const most = { calls: 0, bytes: 0 }
  let rounds = 0
  const describe = async (groupId: string, maxBytes: number): Promise<Described> => {
    const sizeBytes = sizes.get(groupId) ?? 0
    if (underWay === 0) rounds += 1
    underWay += 1
    heldBytes += maxBytes
    most.calls = Math.max(most.calls, underWay)
    most.bytes = Math.max(most.bytes, heldBytes)
    try {
      // Small groups return first.
      for (let turn = 0; turn <= sizeBytes % 7; turn++) await Promise.resolve()
      checkDescriptionSize(sizeBytes, maxBytes)
      heldBytes += sizeBytes
      return { groupId, sizeBytes }
    } finally {
      underWay -= 1
      heldBytes -= maxBytes
    }
  }
  const ask = async (groupIds: readonly string[]) => {
    heldBytes = 0
    return await describeEach(groupIds, describe, ({ sizeBytes }) => sizeBytes)
  }
  return { ask, most, rounds: () => rounds }
}

/**
 * Question: can a response, or the descriptions in flight, exceed the limit, and is every group described eventually?
 * Contract: calls and response together stay within the limit; a caller that repeats the request for `throttled` groups
 * gets all but those that exceed the limit alone.
 * Generated: up to 120 groups, most of them small. Limits: sizes do not change.
 */
test('describes all groups in the end, and never reserves more than the limit', async () => {
  const sizeBytes = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 10_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: 10_000, max: 4_000_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: DESCRIBED_GROUPS_BYTES_MAX }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1).map((one) => DESCRIBED_GROUPS_BYTES_MAX + one) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(sizeBytes, { maxLength: 120 }), async (given) => {
      const sizes = new Map(given.map((size, index) => [`g${index}`, size]))
      const { ask, most } = groupsOf(sizes)
      let due = [...sizes.keys()]
      while (due.length > 0) {
        const results = await ask(due)
        expect(results).toHaveLength(due.length)
        const left: string[] = []
        for (const [index, groupId] of due.entries()) {
          const result = results[index]
          const size = sizes.get(groupId) as number
          if (!(result instanceof EdgelogError)) expect(result?.groupId).toBe(groupId)
          else if (result.code === 'throttled') left.push(groupId)
          else expect([result.code, size]).toEqual(['request_too_large', TOO_LARGE])
        }
        expect(left.length, 'each answer gets on').toBeLessThan(due.length)
        due = left
      }
      expect(most.bytes).toBeLessThanOrEqual(DESCRIBED_GROUPS_BYTES_MAX)
      expect(most.calls).toBeLessThanOrEqual(EDGE_FANOUT_MAX)
    }),
    { ...SEEDED, numRuns: runs(50) },
  )
})

const TOO_LARGE = DESCRIBED_GROUPS_BYTES_MAX + 1

test('describes many small groups in parallel', async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `g${index}`)
  const { ask, most } = groupsOf(new Map(ids.map((id) => [id, 1_000])))
  expect((await ask(ids)).map((result) => 'groupId' in result && result.groupId)).toEqual(ids)
  expect(most.calls).toBe(EDGE_FANOUT_MAX)
})

test.each([
  ['none', 0],
  ['some', 20],
  ['most', 49],
])(
  'does not serialize small groups while large ones have taken %s of the budget',
  async (_, count) => {
    const large = Math.floor(DESCRIBED_GROUPS_BYTES_MAX / EDGE_FANOUT_MAX) - 10
    const sizes = [
      ...Array.from({ length: count }, () => large),
      ...Array.from({ length: 1_000 }, (_, index) => (index % 20 === 0 ? 4_000 : 0)),
    ]
    const { ask, rounds } = groupsOf(new Map(sizes.map((size, index) => [`g${index}`, size])))
    const results = await ask(sizes.map((_, index) => `g${index}`))
    expect(results.filter((result) => result instanceof EdgelogError)).toEqual([])
    // Each round waits for its slowest call, and one round has 50 calls.
    expect(rounds()).toBeLessThanOrEqual(Math.ceil(sizes.length / EDGE_FANOUT_MAX) + 2)
  },
)

test('returns an error as the result of its group, and throws unexpected errors', async () => {
  const refusal = new EdgelogError('group_id_not_found', 'no')
  const describe = async (groupId: string) => {
    if (groupId === 'gone') throw refusal
    return groupId
  }
  expect(await describeEach(['a', 'gone', 'b'], describe, () => 1)).toEqual(['a', refusal, 'b'])
  const broken = async () => {
    throw new Error('a defect')
  }
  await expect(describeEach(['a'], broken, () => 1)).rejects.toThrow('a defect')
})
