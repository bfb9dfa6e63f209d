/**
 * The configs of a group of the consumer protocol: Kafka's names, defaults and limits. The configs of share and
 * streams groups will be added with those groups.
 */
import { EdgelogError } from '../errors.ts'
import {
  ASSIGNMENT_INTERVAL_MS_MAX,
  CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX,
  CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN,
  CONSUMER_HEARTBEAT_INTERVAL_MS_MAX,
  CONSUMER_HEARTBEAT_INTERVAL_MS_MIN,
  CONSUMER_SESSION_TIMEOUT_MS_MAX,
  CONSUMER_SESSION_TIMEOUT_MS_MIN,
  HEARTBEAT_INTERVAL_MS,
  SESSION_TIMEOUT_MS_DEFAULT,
} from '../limits.ts'
import { shownValue } from '../shown-value.ts'

interface GroupConfigRow {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly doc: string
}

export const GROUP_CONFIG_KEYS = {
  'consumer.assignment.interval.ms': {
    default: ASSIGNMENT_INTERVAL_MS_MAX,
    min: CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN,
    max: CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX,
    doc: 'The time between two assignments. Unless it is set, small groups wait less.',
  },
  'consumer.heartbeat.interval.ms': {
    default: HEARTBEAT_INTERVAL_MS,
    min: CONSUMER_HEARTBEAT_INTERVAL_MS_MIN,
    max: CONSUMER_HEARTBEAT_INTERVAL_MS_MAX,
    doc: 'The time between two heartbeats of a member that has all its partitions.',
  },
  'consumer.session.timeout.ms': {
    default: SESSION_TIMEOUT_MS_DEFAULT,
    min: CONSUMER_SESSION_TIMEOUT_MS_MIN,
    max: CONSUMER_SESSION_TIMEOUT_MS_MAX,
    doc: 'Time without a heartbeat after which a member is removed, unless the member sets its own.',
  },
} as const satisfies Record<string, GroupConfigRow>

export type GroupConfigKey = keyof typeof GROUP_CONFIG_KEYS

/** The configs that were set; the others have their defaults. */
export type GroupConfigOverrides = { readonly [Key in GroupConfigKey]?: number }

export interface GroupConfigChange {
  /** null: reset to the default. */
  readonly overrides: { readonly [Key in GroupConfigKey]?: number | null }
  /** True if configs that are not named are reset to their defaults too. */
  readonly resetsOthers?: boolean
}

export function isGroupConfigKey(name: string): name is GroupConfigKey {
  return Object.hasOwn(GROUP_CONFIG_KEYS, name)
}

/** @throws {EdgelogError} `invalid_config`. */
function requireGroupConfigKey(name: string): GroupConfigKey {
  if (isGroupConfigKey(name)) return name
  const allowed = Object.keys(GROUP_CONFIG_KEYS).join(', ')
  throw invalid(`config: unknown config ${shownValue(name)} of a group; ${allowed} are allowed`)
}

/** @throws {EdgelogError} `invalid_config`. */
export function parseGroupConfig(name: string, text: string): GroupConfigOverrides {
  const key = requireGroupConfigKey(name)
  const { min, max } = GROUP_CONFIG_KEYS[key]
  const trimmed = text.trim()
  const value = /^[+-]?\d{1,15}$/.test(trimmed) ? Number(trimmed) : Number.NaN
  if (value >= min && value <= max) return { [key]: value }
  const got = shownValue(text)
  throw invalid(`config.${key}: a whole number from ${min} to ${max} is needed, got ${got}`)
}

export function changedGroupConfig(
  before: GroupConfigOverrides,
  { overrides, resetsOthers = false }: GroupConfigChange,
): GroupConfigOverrides {
  const merged = { ...(resetsOthers ? {} : before), ...overrides }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null))
}

/** The times of a group, with its configs and the defaults applied. */
export interface GroupTimes {
  /** Session time-out of members that do not set their own. */
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** null: depends on the number of members. */
  readonly assignmentIntervalMs: number | null
}

export function groupTimes(overrides: GroupConfigOverrides): GroupTimes {
  const setOrDefault = (key: GroupConfigKey) => overrides[key] ?? GROUP_CONFIG_KEYS[key].default
  return {
    sessionTimeoutMs: setOrDefault('consumer.session.timeout.ms'),
    heartbeatIntervalMs: setOrDefault('consumer.heartbeat.interval.ms'),
    assignmentIntervalMs: overrides['consumer.assignment.interval.ms'] ?? null,
  }
}

function invalid(why: string): EdgelogError {
  return new EdgelogError('invalid_config', why)
}
