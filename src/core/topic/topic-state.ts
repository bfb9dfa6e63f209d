/**
 * The coordinator's decisions about a topic. A partition stores nothing until it is opened for its first call. A change
 * is first wanted, then applied to the opened partitions, then visible:
 *
 *   create ─> applied v1 ──change──> wanted v2 ──configure the opened──> applied v2
 *                 │                      │
 *                 └──────── delete ──────┴──> deleting ──destroy the opened──> no row
 *
 * Every function maps a state to the next one; none reads a clock or calls a partition.
 */
import { EdgelogError } from '../errors.ts'
import { PARTITIONS_MAX, TOPICS_MAX } from '../limits.ts'
import {
  hasPartition,
  NO_PARTITIONS,
  type PartitionSet,
  partitionsIn,
  withPartition,
} from './partition-set.ts'
import type { LocationHint, NewTopic, Topic, TopicChange } from './topic.ts'
import { applyConfigChange, resolveTopicConfig, type TopicConfigOverrides } from './topic-config.ts'
import type { TopicName } from './topic-name.ts'

/** The settings that all partitions of a topic receive under one version. */
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
  /**
   * The settings that every opened partition has confirmed, and that are therefore visible. Null only in a topic whose
   * creation by an earlier release is unfinished.
   */
  readonly applied: TopicSettings | null
  /** The partitions that may store something: each is added before it is configured for the first time. */
  readonly opened: PartitionSet
  readonly isDeleting: boolean
  readonly locationHint: LocationHint | null
  readonly createdAtMs: number
}

/** The next call to all opened partitions of a topic. Steps are idempotent. */
export type TopicStep = { readonly partitions: readonly number[] } & (
  | { readonly kind: 'configure'; readonly settings: TopicSettings }
  | { readonly kind: 'destroy' }
)

interface CreationFacts {
  readonly id: string
  readonly nowMs: number
  /** The topic, not being deleted, whose name has the same `collisionKey`. */
  readonly existing: TopicState | null
  /** Topics that are not being deleted. */
  readonly topicCount: number
}

/**
 * Returns the first state of a new topic. It is applied already, because no partition is opened.
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
      `name: must differ from an existing topic's (${existing.name}) by more than . and _; got ${name}`,
    )
  }
  if (topicCount >= TOPICS_MAX) {
    throw new EdgelogError('policy_violation', `at most ${TOPICS_MAX} topics are allowed`)
  }
  checkPartitions(partitions, 1)
  const wanted = { partitions, overrides, version: 1 }
  const settings = { wanted, applied: wanted, opened: NO_PARTITIONS }
  return { id, name, ...settings, isDeleting: false, locationHint, createdAtMs: nowMs }
}

function checkPartitions(partitions: number, min: number): void {
  if (Number.isInteger(partitions) && partitions >= min && partitions <= PARTITIONS_MAX) return
  throw new EdgelogError(
    'invalid_partitions',
    min > PARTITIONS_MAX
      ? `partitions: the topic has the maximum of ${PARTITIONS_MAX} partitions already; got ${partitions}`
      : `partitions: an integer from ${min} to ${PARTITIONS_MAX} is allowed; got ${partitions}`,
  )
}

/**
 * Returns the state after a change; the same object if nothing changes.
 *
 * @throws {EdgelogError} `invalid_partitions` unless the number grows, as in Kafka; `invalid_config`.
 */
export function decideChange(state: TopicState, change: TopicChange): TopicState {
  const { wanted } = state
  if (change.partitions !== undefined) checkPartitions(change.partitions, wanted.partitions + 1)
  const kept = change.resetsOthers ? {} : wanted.overrides
  const overrides = applyConfigChange(kept, change.overrides ?? {}, wanted.overrides)
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

/** Returns the state of a topic to delete. The topic is invisible from now on, and its name is free. */
export function decideDelete(state: TopicState): TopicState {
  if (state.isDeleting) return state
  const wanted = { ...state.wanted, version: state.wanted.version + 1 }
  return { ...state, wanted, isDeleting: true }
}

/**
 * Returns the state with one more opened partition; the same object if it is opened already. Returns null if the topic
 * is being deleted or does not show the partition: then it must not be configured.
 */
export function decideOpen(state: TopicState, partition: number): TopicState | null {
  if (!showsPartition(state, partition)) return null
  if (hasPartition(state.opened, partition)) return state
  return { ...state, opened: withPartition(state.opened, partition) }
}

/** Returns whether the topic shows a partition that was never opened, and that is therefore empty. */
export function isUnopened(state: TopicState, partition: number): boolean {
  return showsPartition(state, partition) && !hasPartition(state.opened, partition)
}

function showsPartition({ applied, isDeleting }: TopicState, partition: number): boolean {
  if (isDeleting || applied === null) return false
  return Number.isInteger(partition) && partition >= 0 && partition < applied.partitions
}

/** Returns the next step for the opened partitions, or null if all of them are up to date. */
export function nextStep(state: TopicState): TopicStep | null {
  const { applied, wanted, isDeleting } = state
  if (!isDeleting && applied?.version === wanted.version) return null
  const partitions = partitionsIn(state.opened)
  if (isDeleting) return { kind: 'destroy', partitions }
  return { kind: 'configure', settings: wanted, partitions }
}

/** Returns the state after the partitions have completed a step; null if the topic is deleted. */
export function completeStep(state: TopicState, step: TopicStep): TopicState | null {
  return step.kind === 'destroy' ? null : { ...state, applied: step.settings }
}

/** Returns the topic with its applied settings, as clients see it; null if it is not visible. */
export function visibleTopic(state: TopicState): Topic | null {
  const { applied, isDeleting } = state
  return applied === null || isDeleting ? null : topicWith(state, applied)
}

/** Returns the topic with its wanted settings. */
export function wantedTopic(state: TopicState): Topic {
  return topicWith(state, state.wanted)
}

function topicWith(
  { id, name, locationHint }: TopicState,
  { partitions, overrides, version }: TopicSettings,
): Topic {
  const config = resolveTopicConfig(overrides)
  const topic = { id, name, partitions, version, config, overrides }
  return locationHint === null ? topic : { ...topic, locationHint }
}
