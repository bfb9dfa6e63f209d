/** Reads numeric variables of a deployment. */
import { parseSetting } from '../core/setting.ts'
import { report } from './report.ts'

/** Returns the number in a variable. If it is not a whole number from 1 to `max`, reports it and returns `fallback`. */
export function numberSetting(
  name: string,
  text: string | undefined,
  fallback: number,
  max = Number.POSITIVE_INFINITY,
): number {
  if (text === undefined) return fallback
  const number = parseSetting(text)
  if (number !== undefined && number <= max) return number
  report({ type: 'setting_invalid', name, got: text, fallback })
  return fallback
}
