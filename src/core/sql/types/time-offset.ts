/** Offsets from UTC as text. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from './time-calendar.ts'

const OFFSET = /^([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?$/

/** Returns the milliseconds of an offset such as `+02:00`; undefined for other texts. */
export function parseOffset(text: string): number | undefined {
  const match = OFFSET.exec(text)
  if (match === null) return undefined
  const [, sign, hours, minutes = '0', seconds = '0'] = match
  const size = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS
  if (size > 18 * HOUR_MS || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  return sign === '-' ? -size : size
}
