import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluationError } from '../../../../src/core/sql/errors.ts'
import { dateOfDays, daysOfDate, weekdayOf } from '../../../../src/core/sql/types/time-calendar.ts'
import {
  formatDate,
  formatTime,
  formatTimestamp,
} from '../../../../src/core/sql/types/time-format.ts'
import { parseDate, parseTime, parseTimestamp } from '../../../../src/core/sql/types/time-parse.ts'
import {
  dateText,
  parseDateText,
  parseTimestampText,
  parseTimeText,
  timestampText,
  timeText,
} from '../../../../src/core/sql/types/time-text.ts'
import { timestampOfLocal, timeZone } from '../../../../src/core/sql/types/time-zone.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

const TIMESTAMP_PATTERN = "yyyy-MM-dd'T'HH:mm:ss.SSS"
const TIME_PATTERN = 'HH:mm[:ss[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]]'

/** Expects the value of another parser, or an error with the message of its error. */
function expectSame(parse: () => number, other: () => number): void {
  let wanted: number
  try {
    wanted = other()
  } catch (error) {
    expect(error).toBeInstanceOf(EvaluationError)
    expect(parse).toThrow((error as Error).message)
    return
  }
  expect(parse()).toBe(wanted)
}

describe('texts of times', () => {
  it('parses a timestamp whose end is missing', () => {
    const texts = ['2020', '2020-05', '2020-05-26', '2020-05-26T23', '2020-05-26T23:59:58.000+0200']
    expect(texts.map((text) => timestampText(parseTimestampText(text)))).toEqual([
      '2020-01-01T00:00:00.000',
      '2020-05-01T00:00:00.000',
      '2020-05-26T00:00:00.000',
      '2020-05-26T23:00:00.000',
      '2020-05-26T21:59:58.000',
    ])
  })

  it('refuses texts of another form, and shows the form', () => {
    for (const text of ['', 'foo', '2020-13', '2020-05-26T25', '2020-05-26T10:00:00.000+9x']) {
      expect(() => parseTimestampText(text)).toThrow(/Required format is: "yyyy-MM-dd'T'HH/)
    }
    expect(() => parseDateText('10:00')).toThrow(/Required format is: "yyyy-MM-dd"/)
    expect(() => parseTimeText('2020-01-01')).toThrow(/Required format is: "HH:mm:ss.SSS"/)
  })

  it('leaves out seconds and milliseconds of a time that are 0', () => {
    expect([0, 5_000, 5_120].map(timeText)).toEqual(['00:00', '00:00:05', '00:00:05.120'])
    expect(['00:00', '00:00:05', '00:00:05.12'].map(parseTimeText)).toEqual([0, 5_000, 5_120])
  })

  it('refuses fields that a date or a time does not have', () => {
    expect(() => formatDate(0, 'yyyy HH')).toThrow(EvaluationError)
    expect(() => formatTime(0, 'yyyy HH')).toThrow(EvaluationError)
    expect(() => parseDate('2020 10', 'yyyy HH')).toThrow(EvaluationError)
    expect(() => parseTime('2020 10', 'yyyy HH')).toThrow(EvaluationError)
    expect(formatDate(0, 'yyyy[ HH]')).toBe('1970')
  })

  it('refuses patterns that it does not know', () => {
    for (const pattern of ['j', 'yyyyy-MM-ddd', "'open", 'MM]', '{', 'aa', 'S'.repeat(10)]) {
      expect(() => formatDate(0, pattern), pattern).toThrow(/time pattern: '/)
    }
    expect(() => formatDate(0, 'y'.repeat(1_001))).toThrow(/at most 1000/)
  })

  it('refuses time zones that it does not know', () => {
    for (const id of ['Mars/Olympus', '+25:00', ''])
      expect(() => timeZone(id)).toThrow(/time zone:/)
  })

  it('parses what it prints', () => {
    const range = 8_000_000_000_000
    const property = fc.property(fc.integer({ min: -range, max: range }), (timestampMs) => {
      expect(parseTimestampText(timestampText(timestampMs))).toBe(timestampMs)
      const days = Math.floor(timestampMs / 86_400_000)
      expect(parseDateText(dateText(days))).toBe(days)
      expect(parseTimeText(timeText(timestampMs - days * 86_400_000))).toBe(
        timestampMs - days * 86_400_000,
      )
      expect(timestampText(timestampMs)).toBe(new Date(timestampMs).toISOString().slice(0, -1))
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })

  it('reads and writes what the patterns of their forms do', () => {
    const range = 300_000_000_000_000
    const written = fc.property(fc.integer({ min: -range, max: range }), (timestampMs) => {
      const days = Math.floor(timestampMs / 86_400_000)
      expect(timestampText(timestampMs)).toBe(formatTimestamp(timestampMs, TIMESTAMP_PATTERN))
      expect(dateText(days)).toBe(formatDate(days, 'yyyy-MM-dd'))
    })
    const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`))
    const year = fc.oneof(digits(4), fc.stringMatching(/^[+-]?\d{3,6}$/))
    const date = fc.tuple(year, digits(2), digits(2)).map((parts) => parts.join('-'))
    const clock = fc.tuple(digits(2), digits(2), digits(2)).map((parts) => parts.join(':'))
    const fraction = fc.constantFrom('', '.1', '.12', '.1234', '.123456', '.123456789', 'x', '-')
    const millis = fc.constantFrom('.000', '.123', '.1234', '.12x')
    const read = fc.property(date, clock, fraction, millis, (day, time, end, ms) => {
      const [days, times, both] = [day + end, time + end, `${day}T${time}${ms}`]
      expectSame(
        () => parseDateText(days),
        () => parseDate(days, 'yyyy-MM-dd'),
      )
      expectSame(
        () => parseTimeText(times),
        () => parseTime(times, TIME_PATTERN),
      )
      expectSame(
        () => parseTimestampText(both),
        () => parseTimestamp(both, TIMESTAMP_PATTERN),
      )
    })
    fc.assert(written, { ...SEEDED, numRuns: runs(1_000) })
    fc.assert(read, { ...SEEDED, numRuns: runs(5_000) })
  })

  it('has the calendar of Date', () => {
    const property = fc.property(fc.integer({ min: -99_000_000, max: 99_000_000 }), (days) => {
      const date = new Date(days * 86_400_000)
      expect(dateOfDays(days)).toEqual({
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
      })
      expect(daysOfDate(dateOfDays(days))).toBe(days)
      expect(weekdayOf(days) % 7).toBe(date.getUTCDay())
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(2_000) })
  })

  it('finds the timestamp of each local time again', () => {
    const zones = ['America/Los_Angeles', 'Australia/Lord_Howe', 'Asia/Kathmandu', '-03:30']
    const timestamp = fc.integer({ min: 0, max: 2_000_000_000_000 })
    const property = fc.property(fc.constantFrom(...zones), timestamp, (id, at) => {
      const zone = timeZone(id)
      const found = timestampOfLocal(at + zone.offsetAt(at), zone)
      expect(found + zone.offsetAt(found)).toBe(at + zone.offsetAt(at))
      expect(found).toBeLessThanOrEqual(at)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })
})
