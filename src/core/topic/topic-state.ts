/**
 * What the coordinator decides. A topic is first wanted, then applied to its partitions, then seen:
 *
 *   create ─> wanted v1 ──configure all──> applied v1 ──change──> wanted v2 ──configure all──> applied v2
 *                │                             │
 *                └────────── delete ───────────┴──> deleting ──destroy all──> no row
 *
 * Every function maps a state to the next; none reads a clock or talks to a partition.
 */
import { EdgelogError } from '../errors.ts'
import { PARTITIONS_MAX, TOPICS_MAX } from '../limits.ts'
import type { LocationHint, NewTopic, Topic, TopicChange } from './topic.ts'
import { applyConfigChange, resolveTopicConfig, type TopicConfigOverrides } from './topic-config.ts'
import type { TopicName } from './topic-name.ts'

/** What all partitions of a topic were told, or are to be told, under one version. */
export interface TopicSettings {
  readonly partitions: number
  readonly overrides: TopicConfigOverrides
  /** Grows with each change, and once more with deletion. */
  readonly version: number
}

export interface TopicState {
  readonly id: string
  readonly name: TopicName
  readonly wanted: TopicSettings
  /** What every partition has confirmed, and so what is seen; null until the first time. */
  readonly applied: TopicSettings | null
  readonly isDeleting: boolean
  readonly locationHint: LocationHint | null
  readonly createdAtMs: number
}

/** What the partitions of a topic must be told next. Doing a step twice is the same as doing it once. */
export type TopicStep =
  | { readonly kind: 'configure'; readonly settings: TopicSettings }
  | { readonly kind: 'destroy'; readonly partitions: number }

interface CreationFacts {
  readonly id: string
  readonly nowMs: number
  /** The topic, not being deleted, whose name has the same `collisionKey`. */
  readonly existing: TopicState | null
  /** Topics that are not being deleted. */
  readonly topicCount: number
}

/**
 * The first state of a new topic.
 *
 * @throws {EdgelogError} `topic_already_exists`, `invalid_topic`, `policy_violation`, `invalid_partitions`.
 */
export function decideCreate(request: NewTopic, facts: CreationFacts): TopicState {
  const { name, partitions, overrides, locationHint = null } = request
  const { id, nowMs, existing, topicCount } = facts
  if (existing?.name === name) {
    throw new EdgelogError('topic_already_exists', `topic ${name} already exists`)
  }
  if (existing !== null) {
    throw new EdgelogError(
      'invalid_topic',
      `name: a name that differs from an existing topic's (${existing.name}) only by . and _ is not allowed; got ${name}`,
    )
  }
  if (topicCount >= TOPICS_MAX) {
    throw new EdgelogError('policy_violation', `at most ${TOPICS_MAX} topics are allowed`)
  }
  checkPartitions(partitions, 1)
  const wanted = { partitions, overrides, version: 1 }
  return { id, name, wanted, applied: null, isDeleting: false, locationHint, createdAtMs: nowMs }
}

function checkPartitions(partitions: number, min: number): void {
  if (Number.isInteger(partitions) && partitions >= min && partitions <= PARTITIONS_MAX) return
  throw new EdgelogError(
    'invalid_partitions',
    min > PARTITIONS_MAX
      ? `partitions: the topic has the ${PARTITIONS_MAX} partitions that are allowed; got ${partitions}`
      : `partitions: an integer from ${min} to ${PARTITIONS_MAX} is allowed; got ${partitions}`,
  )
}

/**
 * The state after a change; the very same object where nothing is left to change.
 *
 * @throws {EdgelogError} `invalid_partitions` unless the number grows, as in Kafka; `invalid_config`.
 */
export function decideChange(state: TopicState, change: TopicChange): TopicState {
  const { wanted } = state
  if (change.partitions !== undefined) checkPartitions(change.partitions, wanted.partitions + 1)
  const kept = change.resetsOthers ? {} : wanted.overrides
  const overrides = applyConfigChange(kept, change.overrides ?? {})
  const partitions = change.partitions ?? wanted.partitions
  if (partitions === wanted.partitions && isSameConfig(overrides, wanted.overrides)) return state
  return { ...state, wanted: { partitions, overrides, version: wanted.version + 1 } }
}

function isSameConfig(one: TopicConfigOverrides, other: TopicConfigOverrides): boolean {
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key])
  )
}

/** The state of a topic that is to go. It is not seen any more and its name is free. */
export function decideDelete(state: TopicState): TopicState {
  if (state.isDeleting) return state
  const wanted = { ...state.wanted, version: state.wanted.version + 1 }
  return { ...state, wanted, isDeleting: true }
}

/** What to tell the partitions next, or null where they all know. */
export function nextStep(state: TopicState): TopicStep | null {
  // Partitions only ever grow in number, so the wanted ones cover all that a step has reached.
  if (state.isDeleting) return { kind: 'destroy', partitions: state.wanted.partitions }
  if (state.applied?.version === state.wanted.version) return null
  return { kind: 'configure', settings: state.wanted }
}

/** The state once all partitions have done a step; null: nothing of the topic is left. */
export function completeStep(state: TopicState, step: TopicStep): TopicState | null {
  return step.kind === 'destroy' ? null : { ...state, applied: step.settings }
}

/** The topic as everybody sees it: what is applied, not what is wanted. */
export function visibleTopic(state: TopicState): Topic | null {
  const { applied, isDeleting } = state
  return applied === null || isDeleting ? null : topicWith(state, applied)
}

/** The topic as it is meant to be. */
export function wantedTopic(state: TopicState): Topic {
  return topicWith(state, state.wanted)
}

function topicWith(
  { id, name }: TopicState,
  { partitions, overrides, version }: TopicSettings,
): Topic {
  return { id, name, partitions, version, config: resolveTopicConfig(overrides), overrides }
}
