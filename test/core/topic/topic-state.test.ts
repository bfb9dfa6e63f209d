import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../src/core/errors.ts'
import { PARTITIONS_MAX, TOPICS_MAX } from '../../../src/core/limits.ts'
import { partitionsIn } from '../../../src/core/topic/partition-set.ts'
import type { NewTopic } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import {
  completeStep,
  decideChange,
  decideCreate,
  decideDelete,
  decideOpen,
  nextStep,
  type TopicState,
  visibleTopic,
} from '../../../src/core/topic/topic-state.ts'

const LIST = 'leader.replication.throttled.replicas'
const FACTS = { id: 'id-1', nowMs: 5, existing: null, topicCount: 0 }

function request(name = 'orders', partitions = 3): NewTopic {
  return { name: parseTopicName(name), partitions, overrides: {} }
}

function created(name = 'orders', partitions = 3): TopicState {
  return decideCreate(request(name, partitions), FACTS)
}

/** Completes all steps of a state; returns null if the topic is deleted. */
function settled(state: TopicState): TopicState | null {
  const step = nextStep(state)
  if (step === null) return state
  const next = completeStep(state, step)
  return next === null ? null : settled(next)
}

function settledTopic(state: TopicState): TopicState {
  const rest = settled(state)
  if (rest === null) throw new Error('is gone')
  return rest
}

function applied(partitions = 3): TopicState {
  return settledTopic(created('orders', partitions))
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof EdgelogError) return error.code
    throw error
  }
  return 'ok'
}

describe('decideCreate()', () => {
  test('shows version 1 at once, and has nothing to call', () => {
    const state = created()
    expect(visibleTopic(state)).toMatchObject({ partitions: 3, version: 1 })
    expect(nextStep(state)).toBeNull()
    expect(partitionsIn(state.opened)).toEqual([])
  })

  test.each([
    ['orders', 'topic_already_exists'],
    ['a.b', 'invalid_topic'],
  ])('refuses, for a colliding name, %s with %s', (name, code) => {
    const existing = created(name === 'a.b' ? 'a_b' : name)
    expect(codeOf(() => decideCreate(request(name), { ...FACTS, existing }))).toBe(code)
  })

  test('allows topics up to the limit', () => {
    const last = { ...FACTS, topicCount: TOPICS_MAX - 1 }
    expect(codeOf(() => decideCreate(request(), last))).toBe('ok')
    const over = { ...FACTS, topicCount: TOPICS_MAX }
    expect(codeOf(() => decideCreate(request(), over))).toBe('policy_violation')
  })

  test.each([
    [1, 'ok'],
    [PARTITIONS_MAX, 'ok'],
    [0, 'invalid_partitions'],
    [-1, 'invalid_partitions'],
    [PARTITIONS_MAX + 1, 'invalid_partitions'],
    [1.5, 'invalid_partitions'],
    [Number.NaN, 'invalid_partitions'],
  ])('decides on %d partitions: %s', (partitions, code) => {
    expect(codeOf(() => created('orders', partitions))).toBe(code)
  })
})

describe('decideChange()', () => {
  test.each([
    [4, 'ok'],
    [PARTITIONS_MAX, 'ok'],
    [3, 'invalid_partitions'],
    [2, 'invalid_partitions'],
    [PARTITIONS_MAX + 1, 'invalid_partitions'],
    [3.5, 'invalid_partitions'],
  ])('decides on growth from 3 to %d partitions: %s', (partitions, code) => {
    expect(codeOf(() => decideChange(applied(), { partitions }))).toBe(code)
  })

  test('refuses growth of a topic with the maximum number of partitions', () => {
    const full = applied(PARTITIONS_MAX)
    expect(codeOf(() => decideChange(full, { partitions: PARTITIONS_MAX + 1 }))).toBe(
      'invalid_partitions',
    )
  })

  test('returns a change that is invisible until it is applied, and then visible as a whole', () => {
    const state = decideChange(applied(), { partitions: 4, overrides: { 'retention.ms': '1' } })
    expect(visibleTopic(state)).toMatchObject({ partitions: 3, version: 1, overrides: {} })
    expect(visibleTopic(settledTopic(state))).toMatchObject({
      partitions: 4,
      version: 2,
      overrides: { 'retention.ms': '1' },
      config: { retentionMs: 1 },
    })
  })

  test.each([{}, { overrides: {} }, { overrides: { 'retention.ms': null } }])(
    'returns the same state for %j',
    (change) => {
      const state = applied()
      expect(decideChange(state, change)).toBe(state)
    },
  )

  test('resets all other keys to their default if requested', () => {
    const state = decideChange(applied(), { overrides: { 'retention.ms': '1', 'flush.ms': '2' } })
    const change = { overrides: { 'flush.ms': '3' }, resetsOthers: true }
    expect(decideChange(state, change).wanted.overrides).toEqual({ 'flush.ms': '3' })
    expect(decideChange(state, { resetsOthers: true }).wanted.overrides).toEqual({})
  })

  test('appends to a list that is wanted and not yet applied', () => {
    const append = (item: string) => ({ overrides: { [LIST]: { append: [item] } } })
    const state = decideChange(decideChange(applied(), append('0:1')), append('0:2'))
    expect(state.wanted.overrides).toEqual({ [LIST]: '0:1,0:2' })
    expect(decideChange(state, append('0:1'))).toBe(state)
  })

  test('returns the same state for a value that is already set', () => {
    const state = decideChange(applied(), { overrides: { 'retention.ms': '1' } })
    expect(decideChange(state, { overrides: { 'retention.ms': '1' } })).toBe(state)
  })
})

/** Returns the state after some of its partitions were opened. */
function openedIn(state: TopicState, partitions: readonly number[]): TopicState {
  return partitions.reduce((before, partition) => {
    const after = decideOpen(before, partition)
    if (after === null) throw new Error(`partition ${partition} does not open`)
    return after
  }, state)
}

describe('decideOpen()', () => {
  test('adds a partition, and returns the same state if it is opened already', () => {
    const state = openedIn(applied(), [2])
    expect(partitionsIn(state.opened)).toEqual([2])
    expect(decideOpen(state, 2)).toBe(state)
    expect(nextStep(state)).toBeNull()
  })

  test.each([3, -1, 0.5, Number.NaN])('opens nothing for %d of 3 partitions', (partition) => {
    expect(decideOpen(applied(), partition)).toBeNull()
  })

  test('opens nothing that is not visible: of a growing topic, or of one being deleted', () => {
    const growing = decideChange(openedIn(applied(), [0]), { partitions: 4 })
    expect(decideOpen(growing, 3)).toBeNull()
    expect(decideOpen(settledTopic(growing), 3)).not.toBeNull()
    expect(decideOpen(decideDelete(growing), 1)).toBeNull()
    expect(decideOpen({ ...applied(), applied: null }, 0)).toBeNull()
  })
})

test('decideDelete() hides the topic at once, and allows only its deletion afterwards', () => {
  const state = decideDelete(decideChange(openedIn(applied(), [2, 0]), { partitions: 7 }))
  expect(visibleTopic(state)).toBeNull()
  expect(nextStep(state)).toEqual({ kind: 'destroy', partitions: [0, 2] })
  expect(decideDelete(state)).toBe(state)
  expect(settled(state)).toBeNull()
})

/**
 * Question: can a change be lost, or be partly visible, when changes, openings and steps interleave?
 * Contract: versions only grow; the visible settings are those of one former change as a whole; a deletion reaches
 * every partition that was ever opened; at rest the visible settings are the wanted ones, and every opened partition
 * has them.
 * Model: the list of all changes so far, and the version of each opened partition.
 * Generated: changes and openings, with steps started and completed (or failed) between them. Limits: one topic.
 */
test('a topic ends with the last change, for any interleaving of changes and steps', () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('set' as const), value: fc.constantFrom('1', '2', null) }),
    fc.record({ kind: fc.constant('open' as const), partition: fc.integer({ min: 0, max: 9 }) }),
    fc.constantFrom(
      { kind: 'delete' as const },
      { kind: 'begin' as const },
      { kind: 'end' as const },
      { kind: 'fail' as const },
    ),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      let state: TopicState | null = created('orders', 1)
      let step = nextStep(state)
      const versions = new Map<number, number>()
      const configure = (partitions: readonly number[], version: number) => {
        for (const partition of partitions) {
          versions.set(partition, Math.max(versions.get(partition) ?? 0, version))
        }
      }
      const wishes = [state.wanted]
      for (const happening of events) {
        if (state === null) return
        const before: TopicState = state
        if (happening.kind === 'delete') state = decideDelete(state)
        if (happening.kind === 'grow' && !state.isDeleting) {
          state = decideChange(state, { partitions: state.wanted.partitions + happening.by })
        }
        if (happening.kind === 'set' && !state.isDeleting) {
          state = decideChange(state, { overrides: { 'retention.ms': happening.value } })
        }
        if (happening.kind === 'open') {
          const opened = decideOpen(state, happening.partition)
          if (opened !== null) configure([happening.partition], opened.wanted.version)
          state = opened ?? state
        }
        if (happening.kind === 'begin') step ??= nextStep(state)
        if (step?.kind === 'configure') configure(step.partitions, step.settings.version)
        if (step?.kind === 'destroy') {
          expect(step.partitions).toEqual([...versions.keys()].sort((a, b) => a - b))
        }
        if (happening.kind === 'fail') step = null
        if (happening.kind === 'end' && step !== null) {
          state = completeStep(state, step)
          step = null
        }
        if (state === null) return
        expect(state.wanted.version).toBeGreaterThanOrEqual(before.wanted.version)
        expect(state.applied?.version ?? 0).toBeGreaterThanOrEqual(before.applied?.version ?? 0)
        if (state.wanted !== before.wanted) wishes.push(state.wanted)
        expect(wishes).toContain(state.applied)
        for (const version of versions.values()) {
          expect(version).toBeGreaterThanOrEqual(state.applied?.version ?? 0)
        }
      }
      if (state === null) return
      const rest = settled(state)
      if (state.isDeleting) expect(rest).toBeNull()
      else expect(rest?.applied).toBe(state.wanted)
    }),
  )
})
