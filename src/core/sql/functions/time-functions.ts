/** Functions of dates and times. */
import { EvaluationError } from '../errors.ts'
import {
  addMonths,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  positiveModulo,
  SECOND_MS,
} from '../types/time-calendar.ts'
import { formatDate, formatTime, formatTimestamp } from '../types/time-format.ts'
import { parseDate, parseTime, parseTimestamp } from '../types/time-parse.ts'
import { timeZone } from '../types/time-zone.ts'
import type { Long } from '../types/value.ts'
import { bound, scalar, variant } from './define.ts'
import type { ScalarFunction } from './function.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  MILLISECOND: 1,
  SECOND: SECOND_MS,
  MINUTE: MINUTE_MS,
  HOUR: HOUR_MS,
  DAY: DAY_MS,
  WEEK: 7 * DAY_MS,
}
const UNITS_MONTHS: Readonly<Record<string, number>> = { MONTH: 1, YEAR: 12 }

const format = (timestampMs: Long, pattern: string, zone = 'UTC') =>
  formatTimestamp(Number(timestampMs), pattern, timeZone(zone))
const parse = (text: string, pattern: string, zone = 'UTC') =>
  parseTimestamp(text, pattern, timeZone(zone))

export const TIME_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'CONVERT_TZ',
    'Converts a timestamp from one time zone to another.',
    variant(
      '(TIMESTAMP, STRING, STRING) -> TIMESTAMP',
      (timestampMs: number, from: string, to: string) =>
        timestampMs + timeZone(to).offsetAt(timestampMs) - timeZone(from).offsetAt(timestampMs),
    ),
  ),
  ...shifting('DATE', (days, unit, count) =>
    Math.floor(shift(days * DAY_MS, unit, count) / DAY_MS),
  ),
  ...shifting('TIME', (timeMs, unit, count) => positiveModulo(shift(timeMs, unit, count), DAY_MS)),
  ...shifting('TIMESTAMP', shift),
  scalar(
    'DATETOSTRING',
    'Returns days since 1970 as text by a pattern; FORMAT_DATE takes a DATE.',
    variant('(INTEGER, STRING) -> STRING', formatDate),
  ),
  scalar(
    'FORMAT_DATE',
    'Returns a date as text by a pattern.',
    variant('(DATE, STRING) -> STRING', formatDate),
  ),
  scalar(
    'FORMAT_TIME',
    'Returns a time as text by a pattern.',
    variant('(TIME, STRING) -> STRING', formatTime),
  ),
  scalar(
    'FORMAT_TIMESTAMP',
    'Returns a timestamp as text by a pattern, in UTC or another time zone.',
    variant('(TIMESTAMP, STRING) -> STRING', format),
    variant('(TIMESTAMP, STRING, STRING) -> STRING', format),
  ),
  scalar(
    'FROM_DAYS',
    'Returns the date of days since 1970.',
    variant('(INTEGER) -> DATE', (days: number) => days),
  ),
  scalar(
    'FROM_UNIXTIME',
    'Returns the timestamp of milliseconds since 1970.',
    variant('(BIGINT) -> TIMESTAMP', Number),
  ),
  scalar(
    'PARSE_DATE',
    'Returns the date of a text by a pattern.',
    variant('(STRING, STRING) -> DATE', parseDate),
  ),
  scalar(
    'PARSE_TIME',
    'Returns the time of a text by a pattern.',
    variant('(STRING, STRING) -> TIME', parseTime),
  ),
  scalar(
    'PARSE_TIMESTAMP',
    'Returns the timestamp of a text by a pattern, in UTC or another time zone.',
    variant('(STRING, STRING) -> TIMESTAMP', parse),
    variant('(STRING, STRING, STRING) -> TIMESTAMP', parse),
  ),
  scalar(
    'STRINGTODATE',
    'Returns the days since 1970 of a text by a pattern; PARSE_DATE returns a DATE.',
    variant('(STRING, STRING) -> INTEGER', parseDate),
  ),
  scalar(
    'STRINGTOTIMESTAMP',
    'Returns the milliseconds since 1970 of a text by a pattern; PARSE_TIMESTAMP returns a TIMESTAMP.',
    variant('(STRING, STRING) -> BIGINT', parse),
    variant('(STRING, STRING, STRING) -> BIGINT', parse),
  ),
  scalar(
    'TIMESTAMPTOSTRING',
    'Returns milliseconds since 1970 as text by a pattern; FORMAT_TIMESTAMP takes a TIMESTAMP.',
    variant('(BIGINT, STRING) -> STRING', format),
    variant('(BIGINT, STRING, STRING) -> STRING', format),
  ),
  scalar(
    'UNIX_DATE',
    'Returns the days from 1970 to a date, or to today.',
    bound(
      '() -> INTEGER',
      (_parameters, _returns, { nowMs }) =>
        () =>
          Math.floor(nowMs() / DAY_MS),
    ),
    variant('(DATE) -> INTEGER', (days: number) => days),
  ),
  scalar(
    'UNIX_TIMESTAMP',
    'Returns the milliseconds from 1970 to a timestamp, or to now.',
    bound(
      '() -> BIGINT',
      (_parameters, _returns, { nowMs }) =>
        () =>
          nowMs(),
    ),
    variant('(TIMESTAMP) -> BIGINT', (timestampMs: number) => timestampMs),
  ),
]

/** Returns the functions such as DATEADD and DATESUB of a type. */
function shifting(
  type: 'DATE' | 'TIME' | 'TIMESTAMP',
  by: (value: number, unit: string, count: number) => number,
): ScalarFunction[] {
  const name = type.toLowerCase()
  return [
    scalar(
      `${type}ADD`,
      `Adds a number of units of time to a ${name}.`,
      variant(
        `(INTERVALUNIT, INTEGER, ${type}) -> ${type}`,
        (unit: string, count: number, value: number) => by(value, unit, count),
      ),
    ),
    scalar(
      `${type}SUB`,
      `Subtracts a number of units of time from a ${name}.`,
      variant(
        `(INTERVALUNIT, INTEGER, ${type}) -> ${type}`,
        (unit: string, count: number, value: number) => by(value, unit, -count),
      ),
    ),
  ]
}

function shift(timestampMs: number, unit: string, count: number): number {
  const name = unit.toUpperCase().replace(/S$/, '')
  const months = UNITS_MONTHS[name]
  if (months !== undefined) {
    const days = Math.floor(timestampMs / DAY_MS)
    return timestampMs + (addMonths(days, months * count) - days) * DAY_MS
  }
  const sizeMs = UNITS_MS[name]
  if (sizeMs === undefined) {
    const names = [...Object.keys(UNITS_MS), ...Object.keys(UNITS_MONTHS)]
    throw new EvaluationError(`'${unit}' is no unit of time; ${names.join(', ')} are allowed`)
  }
  return timestampMs + sizeMs * count
}
