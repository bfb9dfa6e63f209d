/** The properties that a session may have, and their values. */
import { SqlError } from '../errors.ts'
import { formatName } from '../formats/formats.ts'
import { nearestName } from '../nearest-name.ts'
import {
  KEY_FORMAT,
  PULL_LIMIT,
  type SessionProperties,
  START,
  TABLE_SCAN,
  VALUE_FORMAT,
} from './session-properties.ts'

interface Known {
  readonly default: string
  /** @throws {SqlError} for a value that is not allowed. */
  readonly check: (value: string) => void
}

const KNOWN: Readonly<Record<string, Known>> = {
  [START]: { default: 'latest', check: (value) => oneOf(START, value, ['earliest', 'latest']) },
  [KEY_FORMAT]: { default: 'KAFKA', check: formatName },
  [VALUE_FORMAT]: {
    default: '',
    check: (value) => {
      if (value !== '') formatName(value)
    },
  },
  [TABLE_SCAN]: switchOf(TABLE_SCAN),
  [PULL_LIMIT]: switchOf(PULL_LIMIT),
}

function switchOf(name: string): Known {
  return { default: 'true', check: (value) => oneOf(name, value, ['true', 'false']) }
}

/** Beginnings of the names that clients of ksqlDB send for a server of another kind: they have no effect here. */
const WITHOUT_EFFECT =
  /^(ksql|cache|commit|processing|num|request|session|max|min|fetch|linger|batch|acks|producer|consumer|state|buffered|default|metrics|replication|retry|retries|topology|window|security|sasl|ssl)[._]/

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  throw new SqlError(`${name}: ${value}; ${allowed.join(' and ')} are allowed`)
}

/** Returns the name of a property without the prefix that it may have. */
export function propertyName(name: string): string {
  return name.replace(/^ksql\.streams\./, '')
}

/** @throws {SqlError} for a property that is unknown, or a value that is not allowed. */
export function checkSessionProperty(given: string, value: string): void {
  const name = propertyName(given)
  const known = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined
  if (known !== undefined) {
    known.check(value)
    return
  }
  if (WITHOUT_EFFECT.test(name)) return
  const near = nearestName(name, Object.keys(KNOWN))
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new SqlError(
    `Not recognizable as ksql, streams, consumer, or producer property: '${given}'.${hint}`,
  )
}

export function isSessionProperty(given: string): boolean {
  const name = propertyName(given)
  return Object.hasOwn(KNOWN, name) || WITHOUT_EFFECT.test(name)
}

/** Returns all properties with their values: those that are set, and defaults. */
export function shownProperties(
  session: SessionProperties,
): Array<{ readonly name: string; readonly value: string; readonly isDefault: boolean }> {
  const names = new Set([...Object.keys(KNOWN), ...session.keys()])
  return [...names].map((name) => {
    const value = session.get(name)
    return { name, value: value ?? KNOWN[name]?.default ?? '', isDefault: value === undefined }
  })
}
