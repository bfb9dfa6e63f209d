/** Reads numeric variables of a deployment. */
import { report } from './report.ts'

const WHOLE_NUMBER = /^[1-9]\d{0,9}$/

/** Returns the number in a variable. If it is not a whole number from 1 to `max`, reports it and returns `fallback`. */
export function numberSetting(
  name: string,
  text: string | undefined,
  fallback: number,
  max = Number.POSITIVE_INFINITY,
): number {
  if (text === undefined) return fallback
  const number = WHOLE_NUMBER.test(text) ? Number(text) : 0
  if (number > 0 && number <= max) return number
  report({ type: 'setting_invalid', name, got: text, fallback })
  return fallback
}
