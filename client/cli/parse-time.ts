/** Parses times in command line options. */
import { InvalidArgumentError } from 'commander'

/** Shorter numbers may be years, days or seconds. */
const MS_SINCE_1970 = /^\d{10,16}$/
/** `Date.parse` accepts more, and each engine something else. */
const ISO_8601 = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/

/**
 * Parses a time, for commander: a date is UTC, a time without an offset is local.
 *
 * @returns milliseconds since 1970
 * @example parseTime('2026-11-22T10:00Z') === parseTime('1795341600000')
 */
export function parseTime(text: string): number {
  if (MS_SINCE_1970.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  const timeMs = ISO_8601.test(text) ? Date.parse(text) : Number.NaN
  if (timeMs >= 0) return timeMs
  throw new InvalidArgumentError(
    'Use a time such as 2026-11-22T10:00Z, or milliseconds since 1970.',
  )
}
