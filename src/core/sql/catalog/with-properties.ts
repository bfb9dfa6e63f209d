/** The properties of WITH, checked. */
import type { AggregateSettings } from '../aggregates/aggregate-function.ts'
import { SqlError } from '../errors.ts'
import { type ChosenFormat, canChooseWrapping, formatName } from '../formats/formats.ts'
import { nearestName } from '../nearest-name.ts'
import type { Properties } from '../syntax/ast.ts'
import type { SourceWindow } from './source.ts'

/** The settings of a session: formats of statements that do not name theirs, and limits of aggregate functions. */
export interface FormatDefaults extends AggregateSettings {
  readonly key?: string
  readonly value?: string
  /** False to write a lone column of a value as it is. */
  readonly wrapsSingleValues?: boolean
}

export interface WithProperties {
  readonly topic?: string
  readonly keyFormat?: string
  readonly valueFormat?: string
  readonly keyDelimiter?: string
  readonly valueDelimiter?: string
  readonly wrapSingleValue?: boolean
  readonly partitions?: number
  readonly replicas?: number
  readonly retentionMs?: number
  readonly cleanupPolicy?: string
  readonly timestamp?: string
  readonly timestampPattern?: string
  readonly window?: SourceWindow
  readonly queryId?: string
}

type Check = 'text' | 'count' | 'boolean'

const CHECKS: Readonly<Record<string, Check>> = {
  KAFKA_TOPIC: 'text',
  FORMAT: 'text',
  KEY_FORMAT: 'text',
  VALUE_FORMAT: 'text',
  KEY_DELIMITER: 'text',
  VALUE_DELIMITER: 'text',
  WRAP_SINGLE_VALUE: 'boolean',
  PARTITIONS: 'count',
  REPLICAS: 'count',
  RETENTION_MS: 'count',
  CLEANUP_POLICY: 'text',
  TIMESTAMP: 'text',
  TIMESTAMP_FORMAT: 'text',
  WINDOW_TYPE: 'text',
  WINDOW_SIZE: 'text',
}

/** The properties of a source that is made of a topic, of one that is made by a query, and of INSERT INTO. */
export type PropertySet = 'source' | 'sink' | 'insert'

const ONLY_OF_SOURCES = new Set(['WINDOW_TYPE', 'WINDOW_SIZE'])

/** @throws {SqlError} for a property that is unknown, or a value that is not allowed. */
export function checkProperties(properties: Properties, set: PropertySet): WithProperties {
  for (const [name, value] of properties) checkProperty(name, value, set)
  const text = (name: string) => properties.get(name) as string | undefined
  const count = (name: string) => properties.get(name) as number | undefined
  const both = text('FORMAT')
  for (const name of ['KEY_FORMAT', 'VALUE_FORMAT']) {
    if (both === undefined || !properties.has(name)) continue
    throw new SqlError(
      `Cannot supply both '${name}' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats.`,
    )
  }
  const result: { -readonly [Name in keyof WithProperties]: WithProperties[Name] | undefined } = {
    topic: text('KAFKA_TOPIC'),
    keyFormat: both ?? text('KEY_FORMAT'),
    valueFormat: both ?? text('VALUE_FORMAT'),
    keyDelimiter: text('KEY_DELIMITER'),
    valueDelimiter: text('VALUE_DELIMITER'),
    wrapSingleValue: booleanOf(properties.get('WRAP_SINGLE_VALUE')),
    partitions: count('PARTITIONS'),
    replicas: count('REPLICAS'),
    retentionMs: count('RETENTION_MS'),
    cleanupPolicy: text('CLEANUP_POLICY'),
    timestamp: text('TIMESTAMP') === undefined ? undefined : columnName(text('TIMESTAMP') ?? ''),
    timestampPattern: text('TIMESTAMP_FORMAT'),
    window: windowOf(text('WINDOW_TYPE'), text('WINDOW_SIZE')),
    queryId: text('QUERY_ID'),
  }
  return Object.fromEntries(
    Object.entries(result).filter(([, value]) => value !== undefined),
  ) as WithProperties
}

function checkProperty(name: string, value: unknown, set: PropertySet): void {
  const known = set === 'insert' ? ['QUERY_ID'] : Object.keys(CHECKS)
  const isKnown = known.includes(name) && !(set === 'sink' && ONLY_OF_SOURCES.has(name))
  if (!isKnown) {
    const near = nearestName(name, known)
    const hint = near === undefined || near === name ? '' : ` Did you mean ${near}?`
    throw new SqlError(`Invalid config variable(s) in the WITH clause: ${name}.${hint}`)
  }
  const check = CHECKS[name] ?? 'text'
  const isRight =
    check === 'text'
      ? typeof value === 'string'
      : check === 'boolean'
        ? booleanOf(value) !== undefined
        : Number.isSafeInteger(value)
  const allowed = { text: 'a string', boolean: 'true or false', count: 'a whole number' }[check]
  if (!isRight)
    throw new SqlError(`Invalid value ${String(value)} for property ${name}: expected ${allowed}`)
  if (check === 'count' && (value as number) < 1 && name !== 'RETENTION_MS') {
    throw new SqlError(`Invalid value ${value} for property ${name}: expected 1 or more`)
  }
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return undefined
  return { true: true, false: false }[value.toLowerCase()]
}

/** Returns the name of a column that a property has as text: in upper case, unless it is in backquotes. */
export function columnName(text: string): string {
  const quoted = /^`(.+)`$/.exec(text)
  return quoted?.[1] ?? text.toUpperCase()
}

const WINDOW_SIZE = /^\s*(\d+)\s+([A-Za-z]+)\s*$/
const UNITS_MS: Readonly<Record<string, number>> = {
  MILLISECOND: 1,
  SECOND: 1_000,
  MINUTE: 60_000,
  HOUR: 3_600_000,
  DAY: 86_400_000,
}

function windowOf(kind: string | undefined, size: string | undefined): SourceWindow | undefined {
  if (kind === undefined) {
    if (size === undefined) return undefined
    throw new SqlError("WINDOW_SIZE: is allowed together with 'WINDOW_TYPE' only")
  }
  const name = kind.toUpperCase()
  if (name === 'SESSION') {
    if (size === undefined) return { kind: 'SESSION' }
    throw new SqlError("'WINDOW_SIZE' should not be set for SESSION windows.")
  }
  if (name !== 'TUMBLING' && name !== 'HOPPING') {
    throw new SqlError(`WINDOW_TYPE: ${kind}; SESSION, TUMBLING and HOPPING are allowed`)
  }
  if (size === undefined) {
    throw new SqlError(
      `${name} windows require 'WINDOW_SIZE' to be provided in the WITH clause. For example: 'WINDOW_SIZE'='10 SECONDS'`,
    )
  }
  const [, amount = '', unit = ''] = WINDOW_SIZE.exec(size) ?? []
  const unitMs = UNITS_MS[unit.toUpperCase().replace(/S$/, '')]
  if (unitMs === undefined) {
    throw new SqlError(
      `Invalid WINDOW_SIZE: ${size}; a number and a unit such as '10 SECONDS' are allowed`,
    )
  }
  return { kind: name, sizeMs: Number(amount) * unitMs }
}

/** Returns the format of keys. A lone key column is never wrapped. */
export function keyFormatOf(
  { keyFormat, keyDelimiter }: WithProperties,
  { key = 'KAFKA' }: FormatDefaults,
): ChosenFormat {
  const name = formatName(keyFormat ?? key)
  return { name, isUnwrapped: true, ...delimiterOf(name, 'KEY_DELIMITER', keyDelimiter) }
}

/** @param columns Number of columns of the value. */
export function valueFormatOf(
  { valueFormat, valueDelimiter, wrapSingleValue }: WithProperties,
  { value, wrapsSingleValues = true }: FormatDefaults,
  columns: number,
): ChosenFormat {
  const given = valueFormat ?? value
  if (given === undefined) {
    throw new SqlError(
      "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a default via the 'ksql.persistence.default.format.value' config.",
    )
  }
  const name = formatName(given)
  const delimiter = delimiterOf(name, 'VALUE_DELIMITER', valueDelimiter)
  if (wrapSingleValue === undefined) {
    const isUnwrapped = !wrapsSingleValues && columns === 1 && canChooseWrapping(name)
    return { name, ...delimiter, ...(isUnwrapped ? { isUnwrapped } : {}) }
  }
  if (columns !== 1) {
    throw new SqlError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")
  }
  if (!canChooseWrapping(name)) {
    throw new SqlError(
      `Format '${name}' does not support 'WRAP_SINGLE_VALUE' set to '${wrapSingleValue}'.`,
    )
  }
  return { name, ...delimiter, ...(wrapSingleValue ? {} : { isUnwrapped: true }) }
}

function delimiterOf(
  format: string,
  property: string,
  delimiter: string | undefined,
): { delimiter?: string } {
  if (delimiter === undefined) return {}
  if (format !== 'DELIMITED') {
    throw new SqlError(
      `${property}: is allowed for the format DELIMITED only, got ${format}. Delimiter only supported with DELIMITED format`,
    )
  }
  const isWord = delimiter === 'TAB' || delimiter === 'SPACE'
  if (isWord || [...delimiter].length === 1) return { delimiter }
  throw new SqlError(
    `Invalid delimiter value: '${delimiter}'. One character, TAB or SPACE is allowed`,
  )
}
