/** Texts of TIMESTAMP, DATE and TIME where SQL has no pattern: in literals, casts and JSON. */
import { EvaluationError } from '../errors.ts'
import {
  DAY_MS,
  dateOfDays,
  daysOfDate,
  daysOfMonth,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
} from './time-calendar.ts'
import { parseOffset } from './time-offset.ts'

const TIME_ZEROS = '00:00:00.000'
const MIDNIGHT_DAYS = '-01-01'

/** A form of texts: as a pattern for errors, and as an expression for the beginning of a text. */
interface Form {
  readonly pattern: string
  readonly regex: RegExp
}

/** A year of more than four digits has a sign. */
const DATE_REGEX =
  /^(?<year>\d{4}|\+\d{5,15}|-\d{4,15})-(?<month>0[1-9]|1[0-2])-(?<day>0[1-9]|[12]\d|3[01])/
const HOUR_MINUTE = '(?<hour>[01]\\d|2[0-4]):(?<minute>[0-5]\\d)'
const SECOND = ':(?<second>[0-5]\\d)'
const DATE: Form = { pattern: 'yyyy-MM-dd', regex: DATE_REGEX }
const TIME: Form = {
  pattern: 'HH:mm[:ss[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]]',
  regex: new RegExp(`^${HOUR_MINUTE}(?:${SECOND}(?:\\.(?<fraction>\\d{9}|\\d{6}|\\d{1,3}))?)?`),
}
const TIMESTAMP: Form = {
  pattern: "yyyy-MM-dd'T'HH:mm:ss.SSS",
  regex: new RegExp(`${DATE_REGEX.source}T${HOUR_MINUTE}${SECOND}\\.(?<fraction>\\d{3})`, 'i'),
}

/** Returns the text of a timestamp, such as `2020-05-26T23:59:58.000`. */
export function timestampText(timestampMs: number): string {
  const days = Math.floor(timestampMs / DAY_MS)
  return `${dateText(days)}T${clockText(timestampMs - days * DAY_MS, 'HH:mm:ss.SSS')}`
}

/** Returns the text of a date, such as `2020-05-26`. */
export function dateText(days: number): string {
  const { year, month, day } = dateOfDays(days)
  // Years before 1 count from 1 again, as in Java: the era is not shown.
  const digits = pad(year > 0 ? year : 1 - year, 4)
  return `${digits.length > 4 ? '+' : ''}${digits}-${pad(month, 2)}-${pad(day, 2)}`
}

/** Returns the text of a time, such as `23:59:58.123`; without milliseconds and then seconds if they are 0. */
export function timeText(timeMs: number): string {
  if (timeMs % SECOND_MS !== 0) return clockText(timeMs, 'HH:mm:ss.SSS')
  return clockText(timeMs, timeMs % MINUTE_MS === 0 ? 'HH:mm' : 'HH:mm:ss')
}

/** @param form Says where the text ends. */
function clockText(timeMs: number, form: string): string {
  const hour = pad(Math.floor(timeMs / HOUR_MS), 2)
  const minute = pad(Math.floor(timeMs / MINUTE_MS) % 60, 2)
  const second = pad(Math.floor(timeMs / SECOND_MS) % 60, 2)
  return `${hour}:${minute}:${second}.${pad(timeMs % SECOND_MS, 3)}`.slice(0, form.length)
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/**
 * Returns the milliseconds since 1970 of a text such as `2020-05-26T23:59:58.000+0200`. The end may be missing:
 * `2020`, `2020-05`, `2020-05-26T23`. Without an offset the time is UTC.
 *
 * @throws {EvaluationError} for other texts.
 */
export function parseTimestampText(text: string): number {
  const split = text.indexOf('T')
  const date = split === -1 ? text : text.slice(0, split)
  const rest = split === -1 ? '' : text.slice(split + 1)
  const sign = rest.search(/[+-]|Z$/)
  const zoneText = sign === -1 ? '' : rest.slice(sign)
  const time = sign === -1 ? rest : rest.slice(0, sign)
  const offsetMs = zoneText === '' || zoneText === 'Z' ? 0 : parseOffset(zoneText)
  try {
    if (offsetMs === undefined) throw new EvaluationError(`'${zoneText}' is no offset from UTC`)
    const parts = partsOf(`${completeDate(date)}T${completeTime(time)}`, TIMESTAMP)
    return daysOf(parts) * DAY_MS + clockOf(parts) - offsetMs
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new EvaluationError(
      `Failed to parse timestamp '${text}': ${error.message}. Required format is: "yyyy-MM-dd'T'HH:mm:ss.SSS", ` +
        `with an optional numeric 4-digit timezone, for example '2020-05-26T23:59:58.000+0200'; the end may be missing, as in '2020-05-26'`,
    )
  }
}

/** Returns the days since 1970 of a text such as `2020-05-26`. @throws {EvaluationError} for other texts. */
export function parseDateText(text: string): number {
  try {
    return daysOf(partsOf(completeDate(text), DATE))
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new EvaluationError(
      `Failed to parse date '${text}': ${error.message}. Required format is: "yyyy-MM-dd"; the end may be missing, as in '2020-05'`,
    )
  }
}

/** Returns the milliseconds of the day of a text such as `23:59:58`. @throws {EvaluationError} for other texts. */
export function parseTimeText(text: string): number {
  try {
    // 24:00 is midnight.
    return clockOf(partsOf(text, TIME)) % DAY_MS
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new EvaluationError(
      `Failed to parse time '${text}': ${error.message}. Required format is: "HH:mm:ss.SSS"; the end may be missing, as in '23:59'`,
    )
  }
}

/** The named parts of a text, which has them all or leaves out those at its end. */
interface Parts {
  readonly text: string
  readonly part: (name: string) => string
}

/** @throws {EvaluationError} for a text of another form. */
function partsOf(text: string, { pattern, regex }: Form): Parts {
  const match = regex.exec(text)
  const rest = match === null ? '' : text.slice(match[0].length)
  if (match !== null && rest === '') return { text, part: (name) => match.groups?.[name] ?? '' }
  const why = rest === '' ? 'a part is missing or has another form' : `'${rest}' is too much`
  throw new EvaluationError(`time: '${text}' does not fit the pattern '${pattern}': ${why}`)
}

/** Returns the days since 1970. A day that its month lacks becomes the last one, as in Java. */
function daysOf({ part }: Parts): number {
  const year = Number(part('year'))
  const month = Number(part('month'))
  const day = Math.min(Number(part('day')), daysOfMonth(year, month))
  return daysOfDate({ year, month, day })
}

/** @throws {EvaluationError} for a time after 24:00. */
function clockOf({ text, part }: Parts): number {
  const timeMs =
    Number(part('hour')) * HOUR_MS +
    Number(part('minute')) * MINUTE_MS +
    Number(part('second')) * SECOND_MS +
    Number(part('fraction').slice(0, 3).padEnd(3, '0'))
  if (timeMs > DAY_MS) throw new EvaluationError(`time: '${text}' is after 24:00`)
  return timeMs
}

function completeDate(date: string): string {
  const parts = date.split('-').length
  return parts > 2 ? date : date + MIDNIGHT_DAYS.slice((parts - 1) * 3)
}

function completeTime(time: string): string {
  return time + TIME_ZEROS.slice(time.length)
}
