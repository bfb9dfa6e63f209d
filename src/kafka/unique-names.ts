/**
 * Limits the names in a request: each name once, and not too many. A name is a few bytes, but the work or the response
 * for it may be a thousand times larger.
 */
import { EdgelogError } from '../core/errors.ts'
import { KAFKA_NAMES_MAX } from '../core/limits.ts'
import { shownValue } from '../core/shown-value.ts'

/**
 * Makes a check that rejects names that occur more than once, as brokers do for changes.
 *
 * @returns a function that throws `invalid_request` for a name that must not be served.
 */
export function nameCheck(field: string, names: readonly string[]): (name: string) => void {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return (name) => {
    if (counts.size > KAFKA_NAMES_MAX) throw tooMany(field)
    if ((counts.get(name) ?? 0) <= 1) return
    const why = `${field}: ${shownValue(name)} is named more than once`
    throw new EdgelogError('invalid_request', why)
  }
}

/** Removes duplicates, for read-only requests: a repeated name gets one response. */
export function uniqueBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  const unique = new Map<string, Item>()
  for (const item of items) {
    const key = keyOf(item)
    if (!unique.has(key)) unique.set(key, item)
  }
  return [...unique.values()]
}

function tooMany(field: string): EdgelogError {
  const why = `${field}: at most ${KAFKA_NAMES_MAX} names are allowed in a request`
  return new EdgelogError('invalid_request', why)
}
