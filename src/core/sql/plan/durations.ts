/** Durations in milliseconds. */
import { SqlError } from '../errors.ts'
import type { Duration, IntervalUnit } from '../syntax/ast.ts'

const UNITS_MS: Readonly<Partial<Record<IntervalUnit, number>>> = {
  MILLISECONDS: 1,
  SECONDS: 1_000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: 86_400_000,
}

/** @throws {SqlError} for a unit that has no fixed length. */
export function durationMs({ amount, unit }: Duration): number {
  const unitMs = UNITS_MS[unit]
  const durationMs = amount * (unitMs ?? Number.NaN)
  if (Number.isSafeInteger(durationMs)) return durationMs
  throw new SqlError(
    `${amount} ${unit}: MILLISECONDS, SECONDS, MINUTES, HOURS and DAYS are allowed`,
  )
}
