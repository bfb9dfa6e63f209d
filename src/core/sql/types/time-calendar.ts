/** The calendar: days and milliseconds since 1970, and the fields that patterns show. */

export const DAY_MS = 86_400_000
export const HOUR_MS = 3_600_000
export const MINUTE_MS = 60_000
export const SECOND_MS = 1_000

const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** Days of the 400 years after which the calendar repeats. */
const CYCLE_DAYS = 146_097
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468

export interface CalendarDate {
  readonly year: number
  /** From 1 to 12. */
  readonly month: number
  readonly day: number
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

export function daysOfMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : (MONTH_LENGTHS[month - 1] ?? 0)
}

/** Returns the days from 1970-01-01 to a date. */
export function daysOfDate({ year, month, day }: CalendarDate): number {
  const yearFromMarch = month > 2 ? year : year - 1
  const cycle = Math.floor(yearFromMarch / 400)
  const yearOfCycle = yearFromMarch - cycle * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfCycle =
    yearOfCycle * 365 + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100) + dayOfYear
  return cycle * CYCLE_DAYS + dayOfCycle - EPOCH_DAYS
}

export function dateOfDays(days: number): CalendarDate {
  const shifted = days + EPOCH_DAYS
  const cycle = Math.floor(shifted / CYCLE_DAYS)
  const dayOfCycle = shifted - cycle * CYCLE_DAYS
  const yearOfCycle = Math.floor(
    (dayOfCycle -
      Math.floor(dayOfCycle / 1460) +
      Math.floor(dayOfCycle / 36_524) -
      Math.floor(dayOfCycle / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return {
    year: yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  }
}

/** Returns the day of the week: 1 for Monday to 7 for Sunday. */
export function weekdayOf(days: number): number {
  return positiveModulo(days + 3, 7) + 1
}

export function positiveModulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}

/** Returns days moved by months; a day that the month lacks becomes its last one. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = dateOfDays(days)
  const index = year * 12 + month - 1 + months
  const newYear = Math.floor(index / 12)
  const newMonth = positiveModulo(index, 12) + 1
  return daysOfDate({
    year: newYear,
    month: newMonth,
    day: Math.min(day, daysOfMonth(newYear, newMonth)),
  })
}
