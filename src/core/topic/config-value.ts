/** Parses one config value: its accepted values, the text in which it is stored, and its JSON form. */
import { EdgelogError } from '../errors.ts'
import { CONFIG_VALUE_BYTES_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'
import type { ConfigKey } from './topic-config-keys.ts'

/**
 * Checks a value and returns its canonical text: trimmed, as in Kafka, and equal for equal values.
 *
 * @param given Text in Kafka's form, or the equivalent JSON number or boolean.
 * @param field The name of the value in the error message.
 * @throws {EdgelogError} `invalid_config`.
 */
export function parseConfigValue(given: unknown, key: ConfigKey, field: string): string {
  const text = valueText(given, key)
  if (text !== null) checkValueLength(text, field)
  const canonical = text === null ? null : canonicalText(text.trim(), key)
  if (canonical === null) {
    throw new EdgelogError(
      'invalid_config',
      `${field}: ${allowedValues(key)} is allowed; got ${shownValue(given)}`,
    )
  }
  return canonical
}

/** @throws {EdgelogError} `invalid_config`. */
export function checkValueLength(text: string, field: string): void {
  if (new TextEncoder().encode(text).length <= CONFIG_VALUE_BYTES_MAX) return
  throw new EdgelogError(
    'invalid_config',
    `${field}: at most ${CONFIG_VALUE_BYTES_MAX} bytes are allowed; got ${shownValue(text)}`,
  )
}

/** Returns the text of a value. A number is accepted only if its text is exact: beyond 2^53 JSON has rounded it. */
function valueText(given: unknown, key: ConfigKey): string | null {
  switch (typeof given) {
    case 'string':
      return given
    case 'boolean':
      return key.type === 'boolean' ? String(given) : null
    case 'number':
      if (key.type === 'double') return String(given)
      return isIntegerKey(key) && Number.isSafeInteger(given) ? String(given) : null
    default:
      return null
  }
}

function isIntegerKey(key: ConfigKey): boolean {
  return key.type === 'int' || key.type === 'long'
}

/** Returns the text in which a valid value is stored, or null if it is invalid. */
function canonicalText(text: string, key: ConfigKey): string | null {
  switch (key.type) {
    case 'int':
    case 'long': {
      if (!/^[+-]?\d+$/.test(text)) return null
      const value = BigInt(text.replace('+', ''))
      return value >= key.min && value <= key.max ? String(value) : null
    }
    case 'double': {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null
      const value = Number(text)
      return value >= key.min && value <= key.max ? String(value) : null
    }
    case 'boolean': {
      const lowerCase = text.toLowerCase()
      return lowerCase === 'true' || lowerCase === 'false' ? lowerCase : null
    }
    case 'string':
      return key.values.includes(text) ? text : null
    case 'list': {
      const items = configListItems(text)
      if (items.length === 0) return key.isEmptyAllowed ? '' : null
      return items.every((item) => key.item.test(item)) ? [...new Set(items)].join(',') : null
    }
  }
}

/** Returns the items of a list in Kafka's text form. */
export function configListItems(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((item) => item.trim())
}

function allowedValues(key: ConfigKey): string {
  switch (key.type) {
    case 'int':
    case 'long':
      return key.max > Number.MAX_SAFE_INTEGER
        ? `an integer from ${key.min} to ${key.max} (beyond 2^53 as text)`
        : `an integer from ${key.min} to ${key.max}`
    case 'double':
      return `a number from ${key.min} to ${key.max}`
    case 'boolean':
      return 'true or false'
    case 'string':
      return `one of ${key.values.join(', ')}`
    case 'list':
      return `a comma-separated ${key.isEmptyAllowed ? '' : 'non-empty '}list of ${key.items}`
  }
}

/** Returns a canonical text as JSON: a number if a double holds it exactly, otherwise the text. */
export function configValueToJson(text: string, key: ConfigKey): string | number | boolean {
  switch (key.type) {
    case 'int':
    case 'long':
      return Number.isSafeInteger(Number(text)) ? Number(text) : text
    case 'double':
      return Number(text)
    case 'boolean':
      return text === 'true'
    case 'string':
    case 'list':
      return text
  }
}
