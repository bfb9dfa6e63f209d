/** Texts of TIMESTAMP, DATE and TIME where SQL has no pattern: in literals, casts and JSON. */
import { EvaluationError } from '../errors.ts'
import { MINUTE_MS, SECOND_MS } from './time-calendar.ts'
import { formatDate, formatTime, formatTimestamp } from './time-format.ts'
import { parseDate, parseTime, parseTimestamp } from './time-parse.ts'
import { fixedZone, parseOffset, UTC } from './time-zone.ts'

const TIMESTAMP_PATTERN = "yyyy-MM-dd'T'HH:mm:ss.SSS"
const TIME_ZEROS = '00:00:00.000'
const MIDNIGHT_DAYS = '-01-01'

/** Returns the text of a timestamp, such as `2020-05-26T23:59:58.000`. */
export function timestampText(timestampMs: number): string {
  return formatTimestamp(timestampMs, TIMESTAMP_PATTERN)
}

/** Returns the text of a date, such as `2020-05-26`. */
export function dateText(days: number): string {
  return formatDate(days, 'yyyy-MM-dd')
}

/** Returns the text of a time, such as `23:59:58.123`; without milliseconds and then seconds if they are 0. */
export function timeText(timeMs: number): string {
  if (timeMs % SECOND_MS !== 0) return formatTime(timeMs, 'HH:mm:ss.SSS')
  return formatTime(timeMs, timeMs % MINUTE_MS === 0 ? 'HH:mm' : 'HH:mm:ss')
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
    const zone = offsetMs === 0 ? UTC : fixedZone(zoneText, offsetMs)
    return parseTimestamp(`${completeDate(date)}T${completeTime(time)}`, TIMESTAMP_PATTERN, zone)
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
    return parseDate(completeDate(text), 'yyyy-MM-dd')
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
    return parseTime(text, 'HH:mm[:ss[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]]')
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new EvaluationError(
      `Failed to parse time '${text}': ${error.message}. Required format is: "HH:mm:ss.SSS"; the end may be missing, as in '23:59'`,
    )
  }
}

function completeDate(date: string): string {
  const parts = date.split('-').length
  return parts > 2 ? date : date + MIDNIGHT_DAYS.slice((parts - 1) * 3)
}

function completeTime(time: string): string {
  return time + TIME_ZEROS.slice(time.length)
}
