/** Formats refused values for error messages. */

const SHOWN_CHARACTERS_MAX = 60

/**
 * Returns a value as an error message quotes it: short, on one line, and never the contents of an object.
 *
 * @example
 * shownValue('a b') // '"a b"'
 */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') {
    return value.length <= SHOWN_CHARACTERS_MAX
      ? JSON.stringify(value)
      : `${JSON.stringify(`${value.slice(0, SHOWN_CHARACTERS_MAX)}…`)} (${value.length} characters)`
  }
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}
