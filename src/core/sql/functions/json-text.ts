/** JSON of texts. Numbers keep their digits, and objects the order of their fields. */
import { encodeBase64 } from '../../bytes/base64.ts'
import { EvaluationError } from '../errors.ts'
import { JSON_TEXT_DEPTH_MAX } from '../limits.ts'
import { compareValues } from '../types/compare-values.ts'
import { doubleText } from '../types/double-text.ts'
import type { SqlType } from '../types/sql-type.ts'
import { dateText, timestampText, timeText } from '../types/time-text.ts'
import type { Value } from '../types/value.ts'

/** A number or literal is its text. */
export type JsonNode =
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly elements: readonly JsonNode[] }
  | { readonly kind: 'string' | 'number' | 'literal'; readonly text: string }

const TOKEN =
  /[ \t\n\r]*([[\]{},:]|"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y
const WORD = /[\w.+-]/

/**
 * Returns the first JSON value of a text; what follows it is ignored.
 *
 * @throws {EvaluationError} for a text that does not begin with one.
 */
export function parseJson(text: string): JsonNode {
  const reader = new JsonReader(text)
  return reader.value(reader.token(), 0)
}

/** Returns undefined for a text that does not begin with a JSON value. */
export function tryParseJson(text: string): JsonNode | undefined {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof EvaluationError) return undefined
    throw error
  }
}

class JsonReader {
  private readonly text: string
  private index = 0

  constructor(text: string) {
    this.text = text
  }

  token(): string {
    TOKEN.lastIndex = this.index
    const token = TOKEN.exec(this.text)?.[1]
    if (token === undefined) return this.fail()
    this.index = TOKEN.lastIndex
    if (/[\w]$/.test(token) && WORD.test(this.text.charAt(this.index))) this.fail()
    return token
  }

  value(token: string, depth: number): JsonNode {
    if (depth > JSON_TEXT_DEPTH_MAX) {
      throw new EvaluationError(
        `JSON: is nested too deep; ${JSON_TEXT_DEPTH_MAX} levels are allowed`,
      )
    }
    if (token === '[') return this.array(depth)
    if (token === '{') return this.object(depth)
    if (token.startsWith('"')) return { kind: 'string', text: this.string(token) }
    if (/^[-\d]/.test(token)) return { kind: 'number', text: token }
    return /^[tfn]/.test(token) ? { kind: 'literal', text: token } : this.fail()
  }

  private array(depth: number): JsonNode {
    const elements: JsonNode[] = []
    let token = this.token()
    while (token !== ']') {
      elements.push(this.value(token, depth + 1))
      token = this.token()
      if (token !== ']') token = this.afterComma(token, ']')
    }
    return { kind: 'array', elements }
  }

  private object(depth: number): JsonNode {
    const fields = new Map<string, JsonNode>()
    let token = this.token()
    while (token !== '}') {
      if (!token.startsWith('"') || this.token() !== ':') this.fail()
      fields.set(this.string(token), this.value(this.token(), depth + 1))
      token = this.token()
      if (token !== '}') token = this.afterComma(token, '}')
    }
    return { kind: 'object', fields }
  }

  private afterComma(comma: string, end: string): string {
    const token = comma === ',' ? this.token() : end
    return token === end ? this.fail() : token
  }

  private string(token: string): string {
    try {
      return JSON.parse(token)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return this.fail()
    }
  }

  private fail(): never {
    throw new EvaluationError(`Invalid JSON format: at character ${this.index + 1}`)
  }
}

/** Returns JSON without spaces. */
export function showJson(node: JsonNode): string {
  switch (node.kind) {
    case 'object': {
      const fields = [...node.fields].map(
        ([name, field]) => `${JSON.stringify(name)}:${showJson(field)}`,
      )
      return `{${fields.join(',')}}`
    }
    case 'array':
      return `[${node.elements.map(showJson).join(',')}]`
    case 'string':
      return JSON.stringify(node.text)
    default:
      return node.text
  }
}

/** Returns a value as JSON; fields and keys are sorted. */
export function jsonOfValue(value: Value, type: SqlType): string {
  if (value === null) return 'null'
  switch (type.kind) {
    case 'DOUBLE': {
      const text = doubleText(value as number)
      return Number.isFinite(value) ? text : `"${text}"`
    }
    case 'STRING':
      return JSON.stringify(value)
    case 'BYTES':
      return `"${encodeBase64(value as Uint8Array)}"`
    case 'TIME':
      return `"${timeText(value as number)}"`
    case 'DATE':
      return `"${dateText(value as number)}"`
    case 'TIMESTAMP':
      return `"${timestampText(value as number)}"`
    case 'ARRAY':
      return `[${(value as readonly Value[]).map((each) => jsonOfValue(each, type.element)).join(',')}]`
    case 'MAP':
      return objectOf(
        [...(value as ReadonlyMap<Value, Value>)].map(([key, each]) => [
          String(key),
          jsonOfValue(each, type.value),
        ]),
      )
    case 'STRUCT':
      return objectOf(
        type.fields.map((field, index) => [
          field.name,
          jsonOfValue((value as readonly Value[])[index] ?? null, field.type),
        ]),
      )
    default:
      return String(value)
  }
}

function objectOf(entries: [name: string, json: string][]): string {
  const fields = entries
    .sort(([one], [other]) => compareValues(one, other))
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
  return `{${fields.join(',')}}`
}
