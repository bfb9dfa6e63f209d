/** Timestamps, dates and times of texts by patterns. Missing fields are those of 1970-01-01T00:00. */
import { EvaluationError } from '../errors.ts'
import { DAY_MS } from './time-calendar.ts'
import { hasDate, resolveFields } from './time-fields.ts'
import { parseOffset } from './time-offset.ts'
import { type Field, type NumberToken, type Token, timePattern } from './time-pattern.ts'
import { fixedZone, type TimeZone, timestampOfLocal, timeZone, UTC } from './time-zone.ts'

interface Parsed {
  readonly fields: Map<Field, number>
  zone?: TimeZone
}

const UNREADABLE: readonly Field[] = ['weekYear', 'week', 'weekOfMonth']
const NANOS_OF_MS = 1_000_000
/** Smallest and largest number of each field that has bounds. */
const BOUNDS: Partial<Record<Field, readonly [number, number]>> = {
  month: [1, 12],
  quarter: [1, 4],
  day: [1, 31],
  dayOfYear: [1, 366],
  hour: [0, 24],
  hour12: [0, 11],
  clockHour: [1, 24],
  clockHour12: [1, 12],
  minute: [0, 59],
  second: [0, 59],
  nano: [0, 999_999_999],
  milliOfDay: [0, DAY_MS - 1],
  nanoOfDay: [0, DAY_MS * NANOS_OF_MS - 1],
}
const OFFSETS: readonly RegExp[] = [
  /[+-]\d\d(?:\d\d)?/y,
  /[+-]\d{4}/y,
  /[+-]\d\d:\d\d/y,
  /[+-]\d{4}(?:\d\d)?/y,
  /[+-]\d\d:\d\d(?::\d\d)?/y,
]
const ZONE_TEXT = /(?:GMT|UTC?)?[+-]\d{1,2}(?::?\d\d(?::?\d\d)?)?|[A-Za-z][\w/+-]*/y

/**
 * Returns the milliseconds since 1970 of a text.
 *
 * @param zone The zone of the text, if the text has none.
 * @throws {EvaluationError} for a text or a pattern that is not allowed.
 */
export function parseTimestamp(text: string, pattern: string, zone: TimeZone = UTC): number {
  const parsed = parse(text, pattern)
  const { days, timeMs } = resolveFields(parsed.fields, text)
  return timestampOfLocal(days * DAY_MS + timeMs, parsed.zone ?? zone)
}

/** @throws {EvaluationError} for a text or a pattern that is not allowed. */
export function parseDate(text: string, pattern: string): number {
  const { days, timeMs } = resolveFields(parse(text, pattern).fields, text)
  if (timeMs !== 0) fail(text, pattern, 'it has a time of day, which a DATE does not have')
  return days
}

/** @throws {EvaluationError} for a text or a pattern that is not allowed. */
export function parseTime(text: string, pattern: string): number {
  const parsed = parse(text, pattern)
  if (hasDate(parsed.fields)) {
    fail(text, pattern, 'it has a date, which a TIME does not have')
  }
  return resolveFields(parsed.fields, text).timeMs
}

function fail(text: string, pattern: string, reason: string): never {
  throw new EvaluationError(`time: '${text}' does not fit the pattern '${pattern}': ${reason}`)
}

function parse(text: string, pattern: string): Parsed {
  const parsed: Parsed = { fields: new Map() }
  const end = parseTokens(timePattern(pattern), text, 0, parsed)
  if (end === undefined) fail(text, pattern, 'a part is missing or has another form')
  if (end < text.length) fail(text, pattern, `'${text.slice(end)}' is too much`)
  return parsed
}

/** Returns the index after the text of the tokens; undefined if the text has another form. */
function parseTokens(
  tokens: readonly Token[],
  text: string,
  start: number,
  parsed: Parsed,
): number | undefined {
  let index: number | undefined = start
  for (const token of tokens) {
    if (token.kind === 'optional') {
      const attempt: Parsed = { fields: new Map(parsed.fields) }
      const end = parseTokens(token.tokens, text, index, attempt)
      if (end === undefined) continue
      index = end
      for (const [field, value] of attempt.fields) parsed.fields.set(field, value)
      if (attempt.zone !== undefined) parsed.zone = attempt.zone
    } else {
      index = parseToken(token, text, index, parsed)
      if (index === undefined) return undefined
    }
  }
  return index
}

function parseToken(
  token: Exclude<Token, { kind: 'optional' }>,
  text: string,
  index: number,
  parsed: Parsed,
): number | undefined {
  switch (token.kind) {
    case 'literal':
      return startsWith(text, index, token.text) ? index + token.text.length : undefined
    case 'number':
      return parseNumber(token, text, index, parsed)
    case 'fraction': {
      const digits = /^\d+/.exec(text.slice(index, index + token.width))?.[0] ?? ''
      if (digits.length < token.width) return undefined
      return setField(parsed, 'nano', Number(digits.padEnd(9, '0')), index + token.width)
    }
    case 'name': {
      const position = token.names.findIndex((name) => startsWith(text, index, name))
      const name = token.names[position]
      if (name === undefined) return undefined
      const value = token.field === 'half' || token.field === 'era' ? position : position + 1
      return setField(parsed, token.field, value, index + name.length)
    }
    case 'offset':
      return parseOffsetToken(token.letter, token.count, text, index, parsed)
    case 'zone': {
      const id = matchAt(ZONE_TEXT, text, index)
      if (id === undefined) return undefined
      parsed.zone = timeZone(id)
      return index + id.length
    }
  }
}

function startsWith(text: string, index: number, part: string): boolean {
  return text.slice(index, index + part.length).toLowerCase() === part.toLowerCase()
}

function matchAt(regex: RegExp, text: string, index: number): string | undefined {
  regex.lastIndex = index
  return regex.exec(text)?.[0]
}

/** Returns `end`; undefined if the field has another value already, or one out of its bounds. */
function setField(parsed: Parsed, field: Field, value: number, end: number): number | undefined {
  const [least, most] = BOUNDS[field] ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  if (value < least || value > most || (parsed.fields.get(field) ?? value) !== value) {
    return undefined
  }
  parsed.fields.set(field, value)
  return end
}

function parseNumber(
  token: NumberToken,
  text: string,
  start: number,
  parsed: Parsed,
): number | undefined {
  if (UNREADABLE.includes(token.field)) return undefined
  const isFixed = token.widthMin === token.widthMax
  const sign = isFixed ? '' : (matchAt(/[+-]?/y, text, start) ?? '')
  const index = start + sign.length
  const run = /^\d+/.exec(text.slice(index, index + token.widthMax + token.following))?.[0] ?? ''
  const width = isFixed
    ? token.widthMin
    : Math.min(token.widthMax, Math.max(token.widthMin, run.length - token.following))
  if (run.length < width || width === 0) return undefined
  const isWide = width > token.widthMin
  if (sign === '+' ? !(token.isPadded && isWide) : token.isPadded && isWide && sign === '') {
    return undefined
  }
  let value = Number(run.slice(0, width)) + (token.base ?? 0)
  if (sign === '-') value = -value
  if (token.field === 'weekday') value = value === 1 ? 7 : value - 1
  return setField(parsed, token.field, value, index + width)
}

function parseOffsetToken(
  letter: string,
  count: number,
  text: string,
  start: number,
  parsed: Parsed,
): number | undefined {
  let index = start
  const isLocalized = letter === 'O' || (letter === 'Z' && count === 4)
  if (isLocalized) {
    if (!startsWith(text, index, 'GMT')) return undefined
    index += 3
  } else if (letter === 'X' || (letter === 'Z' && count === 5)) {
    if (startsWith(text, index, 'Z')) {
      parsed.zone = UTC
      return index + 1
    }
  }
  const form = isLocalized
    ? /[+-]\d{1,2}(?::\d\d(?::\d\d)?)?/y
    : OFFSETS[letter === 'Z' && count <= 3 ? 1 : count - 1]
  const written = form === undefined ? undefined : matchAt(form, text, index)
  if (written === undefined) {
    if (!isLocalized) return undefined
    parsed.zone = UTC
    return index
  }
  const offsetMs = parseOffset(written)
  if (offsetMs === undefined) return undefined
  parsed.zone = fixedZone(written, offsetMs)
  return index + written.length
}
