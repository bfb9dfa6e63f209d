/**
 * Parses JSON without loss. `JSON.parse` alone drops all but the last of repeated names, moves names such as
 * "1" to the front, and rounds numbers. Here a body that it would change is refused, and a value that will be
 * stored is kept as its original text.
 */
import { EdgelogError } from '../errors.ts'
import { JSON_DEPTH_MAX, JSON_NAMES_MAX } from '../limits.ts'
import { isExactNumber } from './exact-number.ts'
import { fieldName } from './field-name.ts'
import { JsonCursor } from './json-cursor.ts'

/** A value other than a string or null, as its JSON text without white space between tokens. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * The form of a parsed value and of its members. `text` returns all but strings and null as `JsonText`;
 * `ordered` returns an object whose names would be reordered or lost as a list of [name, value].
 */
export type JsonForm =
  | 'text'
  | 'ordered'
  | { readonly fields: ReadonlyMap<string, JsonForm> }
  | { readonly each: JsonForm }

/** Characters of a number that an error message shows. */
const SHOWN_LENGTH_MAX = 50
/** Up to this count names are compared one by one, which is faster than a set. */
const FEW_NAMES = 8

/**
 * Parses a JSON text and returns its value.
 *
 * @param prefix Prefix of field names in error messages, e.g. `records[3]`.
 * @throws {EdgelogError} `invalid_request` if the text is not JSON, or if a part of it would be lost.
 */
export function parseExactJson(text: string, prefix = '', form?: JsonForm): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new EdgelogError('invalid_request', `${prefix || 'body'}: not valid JSON (${why})`, {
      cause,
    })
  }
  return new ExactWalk(text, prefix).value(parsed, form, 0)
}

/**
 * Walks over a JSON text and the value parsed from it at the same time. The two differ below a repeated name:
 * its first value has to be passed before the second name can be refused.
 */
class ExactWalk {
  readonly #cursor: JsonCursor
  readonly #prefix: string
  /** The names and indexes that lead to the current position. */
  readonly #path: PropertyKey[] = []

  constructor(text: string, prefix: string) {
    this.#cursor = new JsonCursor(text)
    this.#prefix = prefix
  }

  /** Walks over one value and returns its replacement. */
  value(parsed: unknown, form: JsonForm | undefined, depth: number): unknown {
    const first = this.#cursor.peek()
    if (first === '"') {
      this.#cursor.skipString()
      return parsed
    }
    if (form === 'text' && first !== 'n') return new JsonText(this.#compactValue(first))
    if (first === '{') return this.#object(parsed, form, depth)
    if (first === '[') return this.#array(parsed, form, depth)
    const source = this.#cursor.scalar()
    if (typeof parsed !== 'number' || isExactNumber(source)) return parsed
    const shown = source.slice(0, SHOWN_LENGTH_MAX)
    throw this.#refusal(depth, `${shown} is not exact as a double; numbers of up to 15 digits are`)
  }

  #compactValue(first: string): string {
    const isScalar = first !== '{' && first !== '['
    return isScalar ? this.#cursor.scalar() : this.#cursor.compactValue()
  }

  #object(parsed: unknown, form: JsonForm | undefined, depth: number): unknown {
    this.#checkDepth(depth)
    const fields = typeof form === 'object' && 'fields' in form ? form.fields : undefined
    const object: Record<string, unknown> = isObject(parsed) ? parsed : {}
    const names = new NameList()
    this.#cursor.skipToken()
    while (this.#cursor.peek() !== '}') {
      const name = this.#cursor.string()
      this.#path[depth] = name
      if (!names.add(name)) throw this.#refusal(depth + 1, 'given twice; once is allowed')
      if (names.all.length > JSON_NAMES_MAX) {
        throw this.#refusal(depth, `at most ${JSON_NAMES_MAX} names are allowed`)
      }
      // Schemas silently ignore this name.
      if (name === '__proto__' && form !== 'ordered')
        throw this.#refusal(depth + 1, 'unknown field')
      this.#cursor.skipToken()
      if (this.#cursor.peek() === '"') {
        this.#cursor.skipString()
      } else {
        const member = Object.hasOwn(object, name) ? object[name] : undefined
        const kept = this.value(member, fields?.get(name), depth + 1)
        if (kept !== member) object[name] = kept
      }
      this.#cursor.skipComma()
    }
    this.#cursor.skipToken()
    const isKept = form !== 'ordered' || !names.all.some(isLostInObject)
    return isKept ? parsed : names.all.map((name) => [name, object[name]])
  }

  #array(parsed: unknown, form: JsonForm | undefined, depth: number): unknown {
    this.#checkDepth(depth)
    const each = typeof form === 'object' && 'each' in form ? form.each : undefined
    const list: unknown[] = Array.isArray(parsed) ? parsed : []
    this.#cursor.skipToken()
    for (let index = 0; this.#cursor.peek() !== ']'; index++) {
      this.#path[depth] = index
      list[index] = this.value(list[index], each, depth + 1)
      this.#cursor.skipComma()
    }
    this.#cursor.skipToken()
    return parsed
  }

  #checkDepth(depth: number): void {
    if (depth < JSON_DEPTH_MAX) return
    throw this.#refusal(depth, `nested too deeply; at most ${JSON_DEPTH_MAX} levels are allowed`)
  }

  #refusal(depth: number, why: string): EdgelogError {
    const field = fieldName(this.#prefix, this.#path.slice(0, depth)) || 'body'
    return new EdgelogError('invalid_request', `${field}: ${why}`)
  }
}

/** The names of one object, in order. */
class NameList {
  readonly all: string[] = []
  #lookup: Set<string> | undefined

  /** Adds a name; returns false if it is a duplicate. */
  add(name: string): boolean {
    if (this.#has(name)) return false
    this.all.push(name)
    this.#lookup?.add(name)
    return true
  }

  #has(name: string): boolean {
    if (this.all.length < FEW_NAMES) return this.all.includes(name)
    this.#lookup ??= new Set(this.all)
    return this.#lookup.has(name)
  }
}

/** Returns whether an object would move a name to the front (such as "1"), or schemas would ignore it. */
function isLostInObject(name: string): boolean {
  return /^\d/.test(name) || name === '__proto__'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
