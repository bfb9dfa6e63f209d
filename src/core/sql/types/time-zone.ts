/** Time zones: their offsets from UTC, and their names. */
import { EvaluationError } from '../errors.ts'
import { ZONE_DAYS_MAX, ZONES_MAX } from '../limits.ts'
import { DAY_MS } from './time-calendar.ts'
import { parseOffset } from './time-offset.ts'

export interface TimeZone {
  readonly id: string
  /** Returns local time minus UTC, in milliseconds. */
  readonly offsetAt: (timestampMs: number) => number
}

/** Times that `Date` knows: 271,821 years to both sides of 1970. */
const DATE_MS_MAX = 8.64e15
const PREFIXED_OFFSET = /^(?:UTC|GMT|UT)(?=[+-])/
/** Zones whose names stand in texts, though the time zone database has none of them. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  AEDT: 'Australia/Sydney',
  AEST: 'Australia/Sydney',
  CDT: 'America/Chicago',
  CEST: 'Europe/Paris',
  EDT: 'America/New_York',
  EEST: 'Europe/Athens',
  MDT: 'America/Denver',
  NZDT: 'Pacific/Auckland',
  NZST: 'Pacific/Auckland',
  PDT: 'America/Los_Angeles',
  UT: 'UTC',
  Z: 'UTC',
}
/** Each of these locales has the short names of other zones. */
const NAME_LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-IN']

const zones = new Map<string, TimeZone>()
const nameFormats = new Map<string, Intl.DateTimeFormat>()

export const UTC: TimeZone = fixedZone('UTC', 0)

/**
 * Returns a time zone: `Europe/Paris`, `PST`, `+02:00`, `GMT+2`.
 *
 * @throws {EvaluationError} for a name that no zone has.
 */
export function timeZone(id: string): TimeZone {
  let zone = zones.get(id)
  if (zone === undefined) {
    zone = makeZone(id)
    if (zones.size >= ZONES_MAX) zones.clear()
    zones.set(id, zone)
  }
  return zone
}

export function fixedZone(id: string, offsetMs: number): TimeZone {
  return { id, offsetAt: () => offsetMs }
}

function makeZone(id: string): TimeZone {
  const offsetMs = parseOffset(id.replace(PREFIXED_OFFSET, ''))
  if (offsetMs !== undefined) return fixedZone(id, offsetMs)
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: OTHER_NAMES[id.toUpperCase()] ?? id,
      timeZoneName: 'longOffset',
    })
    return { id, offsetAt: cachedOffsets(format) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new EvaluationError(
      `time zone: '${id}' is not known; use a name such as 'Europe/Paris' or an offset such as '+02:00'`,
    )
  }
}

/** Returns a function that remembers the offset of each day on which it does not change. */
function cachedOffsets(format: Intl.DateTimeFormat): (timestampMs: number) => number {
  const offsets = new Map<number, number>()
  const lookUp = (timestampMs: number): number => {
    const clamped = Math.max(-DATE_MS_MAX, Math.min(DATE_MS_MAX, timestampMs))
    const text = format.format(clamped)
    return parseOffset(text.slice(text.lastIndexOf('GMT') + 3)) ?? 0
  }
  return (timestampMs) => {
    const day = Math.floor(timestampMs / DAY_MS)
    const cached = offsets.get(day)
    if (cached !== undefined) return cached
    const offset = lookUp(day * DAY_MS)
    if (lookUp((day + 1) * DAY_MS) !== offset) return lookUp(timestampMs)
    if (offsets.size >= ZONE_DAYS_MAX) offsets.clear()
    offsets.set(day, offset)
    return offset
  }
}

/**
 * Returns the timestamp of a local time. A time that occurs twice is the first one; one that is skipped moves forward
 * by what is skipped, as in Java.
 */
export function timestampOfLocal(localMs: number, zone: TimeZone): number {
  const before = zone.offsetAt(localMs - DAY_MS)
  const after = zone.offsetAt(localMs + DAY_MS)
  if (before === after || zone.offsetAt(localMs - before) === before) return localMs - before
  return zone.offsetAt(localMs - after) === after ? localMs - after : localMs - before
}

/** Returns the name of a zone at a time, such as `PDT` or `Pacific Daylight Time`. */
export function zoneName(zone: TimeZone, timestampMs: number, style: 'short' | 'long'): string {
  if (zone.id === 'UTC') return style === 'short' ? 'UTC' : 'Coordinated Universal Time'
  if (parseOffset(zone.id.replace(PREFIXED_OFFSET, '')) !== undefined) return zone.id
  let name = zone.id
  for (const locale of NAME_LOCALES) {
    const parts = nameFormat(locale, zone.id, style).formatToParts(timestampMs)
    name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? name
    if (!/[+-]/.test(name)) return name
  }
  return name
}

function nameFormat(locale: string, id: string, style: 'short' | 'long'): Intl.DateTimeFormat {
  const key = `${locale} ${style} ${id}`
  let format = nameFormats.get(key)
  if (format === undefined) {
    const timeZone = OTHER_NAMES[id.toUpperCase()] ?? id
    format = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: style })
    if (nameFormats.size >= ZONES_MAX) nameFormats.clear()
    nameFormats.set(key, format)
  }
  return format
}
