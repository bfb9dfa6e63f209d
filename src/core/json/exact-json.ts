/**
 * Parses JSON without losing anything. `JSON.parse` alone drops all but the last of repeated names,
 * puts names such as "1" first, and rounds numbers. Here a body that it would change is refused, and
 * a value that is to be stored is kept as the text that came.
 */
import { EdgelogError } from '../errors.ts'
import { JSON_DEPTH_MAX, JSON_NAMES_MAX } from '../limits.ts'
import { isExactNumber } from './exact-number.ts'
import { fieldName } from './field-name.ts'
import { JsonCursor } from './json-cursor.ts'

/** A value that is neither text nor null, as its JSON text without white space between tokens. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * The form that a value gets, and its members: `text` gives all but strings and null as `JsonText`,
 * `ordered` gives an object whose names would not stay as a list of [name, value].
 */
export type JsonForm =
  | 'text'
  | 'ordered'
  | { readonly fields: ReadonlyMap<string, JsonForm> }
  | { readonly each: JsonForm }

/** Characters of a number that a message shows. */
const SHOWN_LENGTH_MAX = 50
/** So many names are compared one by one, which is faster than a set. */
const FEW_NAMES = 8

/**
 * Returns the value of a JSON text.
 *
 * @param prefix What stands before the names of its fields in a message, e.g. `records[3]`.
 * @throws {EdgelogError} `invalid_request` if the text is not JSON, or says what would be lost.
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
 * Walks over a JSON text and the value parsed from it at the same time. The two differ below a
 * repeated name, which the walk has to pass once before it can refuse the second one.
 */
class ExactWalk {
  readonly #cursor: JsonCursor
  readonly #prefix: string
  /** The names and indexes that lead to where the walk is. */
  readonly #path: PropertyKey[] = []

  constructor(text: string, prefix: string) {
    this.#cursor = new JsonCursor(text)
    this.#prefix = prefix
  }

  /** Walks over one value and returns what stands in its place. */
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
    throw this.#refusal(depth, `${shown} is not exact as a double; 15 digits always are`)
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
      // Schemas pass over this name without a word.
      if (name === '__proto__' && form !== 'ordered') throw this.#refusal(depth + 1, 'not a field')
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
    throw this.#refusal(depth, `nested too deep; ${JSON_DEPTH_MAX} levels are allowed`)
  }

  #refusal(depth: number, why: string): EdgelogError {
    const field = fieldName(this.#prefix, this.#path.slice(0, depth)) || 'body'
    return new EdgelogError('invalid_request', `${field}: ${why}`)
  }
}

/** The names of one object in their order. */
class NameList {
  readonly all: string[] = []
  #lookup: Set<string> | undefined

  /** Adds a name; returns false if it is there. */
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

/** An object puts names like "1" first, and schemas pass over the other one. */
function isLostInObject(name: string): boolean {
  return /^\d/.test(name) || name === '__proto__'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
