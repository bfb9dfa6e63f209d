/** The date and the time of day that fields of a text stand for. Missing ones are those of 1970-01-01T00:00. */
import { EvaluationError } from '../errors.ts'
import {
  DAY_MS,
  dateOfDays,
  daysOfDate,
  daysOfMonth,
  HOUR_MS,
  isLeapYear,
  MINUTE_MS,
  SECOND_MS,
  weekdayOf,
} from './time-calendar.ts'
import type { Field } from './time-pattern.ts'

type Fields = ReadonlyMap<Field, number>

const NANOS_OF_MS = 1_000_000

/** Fields that only a date has. */
const DATE_FIELDS: readonly Field[] = [
  'year',
  'yearOfEra',
  'era',
  'month',
  'quarter',
  'day',
  'dayOfYear',
  'weekday',
]

export function hasDate(fields: Fields): boolean {
  return DATE_FIELDS.some((field) => fields.has(field))
}

/** @throws {EvaluationError} if there is no such date or time. */
export function resolveFields(fields: Fields, text: string): { days: number; timeMs: number } {
  const days = resolveDate(fields, text)
  const timeMs = resolveTime(fields, text)
  // 24:00 is midnight of the next day.
  if (timeMs !== DAY_MS) return { days, timeMs }
  return { days: hasDate(fields) ? days + 1 : days, timeMs: 0 }
}

function resolveDate(fields: Fields, text: string): number {
  const ofEra = fields.get('yearOfEra')
  const written = ofEra !== undefined && fields.get('era') === 0 ? 1 - ofEra : ofEra
  const year = fields.get('year') ?? written ?? 1970
  const dayOfYear = fields.get('dayOfYear')
  const days =
    dayOfYear === undefined
      ? daysOfMonthAndDay(fields, year)
      : daysOfYearDay(fields, year, dayOfYear)
  const weekday = fields.get('weekday')
  if (
    days === undefined ||
    (weekday !== undefined && hasDay(fields) && weekday !== weekdayOf(days))
  ) {
    throw new EvaluationError(`time: '${text}' is a date that does not exist`)
  }
  return days
}

function hasDay(fields: Fields): boolean {
  return fields.has('day') || fields.has('dayOfYear')
}

/** Returns the days since 1970. A day that its month lacks becomes the last one, as in Java. */
function daysOfMonthAndDay(fields: Fields, year: number): number {
  const month = fields.get('month') ?? 1
  const day = Math.min(fields.get('day') ?? 1, daysOfMonth(year, month))
  return daysOfDate({ year, month, day })
}

function daysOfYearDay(fields: Fields, year: number, dayOfYear: number): number | undefined {
  if (dayOfYear === 366 && !isLeapYear(year)) return undefined
  const days = daysOfDate({ year, month: 1, day: 1 }) + dayOfYear - 1
  const { month, day } = dateOfDays(days)
  const isSame = (fields.get('month') ?? month) === month && (fields.get('day') ?? day) === day
  return isSame ? days : undefined
}

function resolveTime(fields: Fields, text: string): number {
  const whole =
    fields.get('milliOfDay') ?? Math.floor((fields.get('nanoOfDay') ?? -1) / NANOS_OF_MS)
  if (whole >= 0) return whole
  const clockHour = fields.get('clockHour')
  const clockHour12 = fields.get('clockHour12')
  const hour12 = fields.get('hour12') ?? (clockHour12 === undefined ? undefined : clockHour12 % 12)
  const ofHalf = hour12 === undefined ? undefined : hour12 + 12 * (fields.get('half') ?? 0)
  const hour = fields.get('hour') ?? (clockHour === undefined ? (ofHalf ?? 0) : clockHour % 24)
  const timeMs =
    hour * HOUR_MS +
    (fields.get('minute') ?? 0) * MINUTE_MS +
    (fields.get('second') ?? 0) * SECOND_MS +
    Math.floor((fields.get('nano') ?? 0) / NANOS_OF_MS)
  if (timeMs > DAY_MS) throw new EvaluationError(`time: '${text}' is after 24:00`)
  return timeMs
}
