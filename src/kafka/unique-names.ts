/**
 * What a request names: each once, and not too many. A name is a few bytes, and what is done or answered
 * for it may be a thousand times that.
 */
import { EdgelogError } from '../core/errors.ts'
import { KAFKA_NAMES_MAX } from '../core/limits.ts'
import { shownValue } from '../core/shown-value.ts'

/**
 * What is named more than once is refused, as brokers do where something is to be changed.
 *
 * @returns throws `invalid_request` for a name that is not to be served.
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

/** Of requests that only ask: what is named more than once is answered once. */
export function uniqueBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  const unique = new Map<string, Item>()
  for (const item of items) {
    const key = keyOf(item)
    if (!unique.has(key)) unique.set(key, item)
  }
  return [...unique.values()]
}

function tooMany(field: string): EdgelogError {
  const why = `${field}: at most ${KAFKA_NAMES_MAX} may be named at a time`
  return new EdgelogError('invalid_request', why)
}
