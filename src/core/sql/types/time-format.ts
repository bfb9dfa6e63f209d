/** Text of timestamps, dates and times by patterns. */
import { EvaluationError } from '../errors.ts'
import {
  DAY_MS,
  dateOfDays,
  daysOfDate,
  HOUR_MS,
  MINUTE_MS,
  positiveModulo,
  SECOND_MS,
  weekdayOf,
} from './time-calendar.ts'
import { type Field, type Token, timePattern } from './time-pattern.ts'
import { type TimeZone, UTC, zoneName } from './time-zone.ts'

/** A time as its owner's clock shows it. Days or the time of day are undefined for values that have none. */
interface Moment {
  readonly days?: number
  readonly timeMs?: number
  /** For values with a time zone. */
  readonly zone?: {
    readonly zone: TimeZone
    readonly timestampMs: number
    readonly offsetMs: number
  }
}

const NANOS_OF_MS = 1_000_000

/** @throws {EvaluationError} for a pattern that is not allowed. */
export function formatTimestamp(
  timestampMs: number,
  pattern: string,
  zone: TimeZone = UTC,
): string {
  const offsetMs = zone.offsetAt(timestampMs)
  const localMs = timestampMs + offsetMs
  return format(pattern, {
    days: Math.floor(localMs / DAY_MS),
    timeMs: positiveModulo(localMs, DAY_MS),
    zone: { zone, timestampMs, offsetMs },
  })
}

/** @throws {EvaluationError} for a pattern that is not allowed or shows the time of day. */
export function formatDate(days: number, pattern: string): string {
  return format(pattern, { days })
}

/** @throws {EvaluationError} for a pattern that is not allowed or shows the date. */
export function formatTime(timeMs: number, pattern: string): string {
  return format(pattern, { timeMs })
}

function format(pattern: string, moment: Moment): string {
  const text = formatTokens(timePattern(pattern), moment)
  if (text !== undefined) return text
  const given = moment.days === undefined ? 'TIME' : 'DATE'
  throw new EvaluationError(`time pattern: '${pattern}' has fields that a ${given} does not have`)
}

/** Returns undefined if the moment lacks a field. */
function formatTokens(tokens: readonly Token[], moment: Moment): string | undefined {
  let text = ''
  for (const token of tokens) {
    const part =
      token.kind === 'optional'
        ? (formatTokens(token.tokens, moment) ?? '')
        : formatToken(token, moment)
    if (part === undefined) return undefined
    text += part
  }
  return text
}

function formatToken(
  token: Exclude<Token, { kind: 'optional' }>,
  moment: Moment,
): string | undefined {
  switch (token.kind) {
    case 'literal':
      return token.text
    case 'offset':
      return moment.zone && formatOffset(moment.zone.offsetMs, token.letter, token.count)
    case 'zone': {
      if (moment.zone === undefined) return undefined
      const { zone, timestampMs } = moment.zone
      return token.style === 'id' ? zone.id : zoneName(zone, timestampMs, token.style)
    }
    case 'fraction': {
      const nanos = fieldOf('nano', moment)
      return nanos === undefined ? undefined : pad(nanos, 9).slice(0, token.width)
    }
    case 'name': {
      const value = fieldOf(token.field, moment)
      if (value === undefined) return undefined
      return token.names[token.field === 'half' || token.field === 'era' ? value : value - 1]
    }
    case 'number': {
      let value = fieldOf(token.field, moment)
      if (value === undefined) return undefined
      if (token.field === 'weekday') value = (value % 7) + 1
      if (token.base !== undefined) return pad(positiveModulo(value, 100), 2)
      const digits = pad(Math.abs(value), token.widthMin)
      if (value < 0) return `-${digits}`
      return token.isPadded === true && digits.length > token.widthMin ? `+${digits}` : digits
    }
  }
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function fieldOf(field: Field, { days, timeMs }: Moment): number | undefined {
  const value = timeMs === undefined ? undefined : timeField(field, timeMs)
  return value ?? (days === undefined ? undefined : dateField(field, days))
}

function timeField(field: Field, timeMs: number): number | undefined {
  const hour = Math.floor(timeMs / HOUR_MS)
  switch (field) {
    case 'hour':
      return hour
    case 'clockHour':
      return hour === 0 ? 24 : hour
    case 'hour12':
      return hour % 12
    case 'clockHour12':
      return hour % 12 === 0 ? 12 : hour % 12
    case 'half':
      return hour < 12 ? 0 : 1
    case 'minute':
      return Math.floor(timeMs / MINUTE_MS) % 60
    case 'second':
      return Math.floor(timeMs / SECOND_MS) % 60
    case 'nano':
      return (timeMs % SECOND_MS) * NANOS_OF_MS
    case 'milliOfDay':
      return timeMs
    case 'nanoOfDay':
      return timeMs * NANOS_OF_MS
    default:
      return undefined
  }
}

function dateField(field: Field, days: number): number | undefined {
  const { year, month, day } = dateOfDays(days)
  switch (field) {
    case 'year':
      return year
    case 'yearOfEra':
      return year > 0 ? year : 1 - year
    case 'era':
      return year > 0 ? 1 : 0
    case 'month':
      return month
    case 'quarter':
      return Math.ceil(month / 3)
    case 'day':
      return day
    case 'dayOfYear':
      return days - daysOfDate({ year, month: 1, day: 1 }) + 1
    case 'weekday':
      return weekdayOf(days)
    case 'weekOfMonth':
      return weeksSince(days, days - day + 1)
    case 'weekYear':
      return isInNextWeekYear(days, year) ? year + 1 : year
    case 'week':
      return isInNextWeekYear(days, year)
        ? 1
        : weeksSince(days, daysOfDate({ year, month: 1, day: 1 }))
    default:
      return undefined
  }
}

/** Returns the number of a week, the one of the first day being 1. Weeks begin on Sundays. */
function weeksSince(days: number, firstDay: number): number {
  return Math.floor((days - firstDay + (weekdayOf(firstDay) % 7)) / 7) + 1
}

/** Returns whether the week of a day has the first of January of the next year. */
function isInNextWeekYear(days: number, year: number): boolean {
  const nextYear = daysOfDate({ year: year + 1, month: 1, day: 1 })
  return days - (weekdayOf(days) % 7) + 7 > nextYear
}

function formatOffset(offsetMs: number, letter: string, count: number): string {
  const hasZulu = letter === 'X' || (letter === 'Z' && count === 5)
  if (offsetMs === 0 && hasZulu) return 'Z'
  const size = Math.abs(offsetMs)
  const hours = Math.floor(size / HOUR_MS)
  const minutes = Math.floor(size / MINUTE_MS) % 60
  const seconds = Math.floor(size / SECOND_MS) % 60
  const sign = offsetMs < 0 ? '-' : '+'
  if (letter === 'O' || (letter === 'Z' && count === 4)) {
    if (offsetMs === 0) return 'GMT'
    if (letter === 'Z' || count === 4) {
      return `GMT${sign}${pad(hours, 2)}:${pad(minutes, 2)}${seconds === 0 ? '' : `:${pad(seconds, 2)}`}`
    }
    return `GMT${sign}${hours}${minutes === 0 ? '' : `:${pad(minutes, 2)}`}${seconds === 0 ? '' : `:${pad(seconds, 2)}`}`
  }
  const colon = count === 3 || count === 5 ? (letter === 'Z' && count === 3 ? '' : ':') : ''
  let text = `${sign}${pad(hours, 2)}`
  if (letter === 'Z' || count > 1 || minutes !== 0) text += `${colon}${pad(minutes, 2)}`
  if (count >= 4 && seconds !== 0) text += `${colon}${pad(seconds, 2)}`
  return text
}
