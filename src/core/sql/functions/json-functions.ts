/** Functions of texts that hold JSON. */
import { EvaluationError } from '../errors.ts'
import { Decimal } from '../types/decimal.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { bound, nullable, scalar, variant } from './define.ts'
import type { ScalarFunction } from './function.ts'
import { type JsonNode, jsonOfValue, parseJson, showJson, tryParseJson } from './json-text.ts'
import { joinTexts } from './result-limits.ts'

const PATH = /^\$(?:\.[^.[\]]+|\[\d+\]|\['[^']*'\]|\["[^"]*"\])*$/
const PATH_STEP = /\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/g

export const JSON_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'EXTRACTJSONFIELD',
    "Returns the text at a path of JSON such as $.a['b'][0]; NULL if there is nothing.",
    variant('(STRING, STRING) -> STRING', extract),
  ),
  scalar(
    'IS_JSON_STRING',
    'Returns whether a text is JSON.',
    nullable(
      '(STRING) -> BOOLEAN',
      (text: string | null) => text !== null && tryParseJson(text) !== undefined,
    ),
  ),
  scalar(
    'JSON_ARRAY_CONTAINS',
    'Returns whether an array in JSON contains a value.',
    bound(
      '(STRING, T) -> BOOLEAN',
      ([, type]) =>
        (json, value) =>
          contains(json, value, type ?? null),
      {
        takesNull: true,
      },
    ),
  ),
  scalar(
    'JSON_ARRAY_LENGTH',
    'Returns the number of elements of an array in JSON.',
    variant('(STRING) -> INTEGER', (text: string) => {
      const node = parseJson(text)
      return node.kind === 'array' ? node.elements.length : null
    }),
  ),
  scalar(
    'JSON_CONCAT',
    'Joins objects in JSON to one, or arrays and other values to an array.',
    variant('(STRING...) -> STRING', concat),
  ),
  scalar(
    'JSON_ITEMS',
    'Returns the elements of an array in JSON, each as JSON.',
    variant('(STRING) -> ARRAY<STRING>', (text: string) => {
      const node = parseJson(text)
      return node.kind === 'array' ? node.elements.map(showJson) : null
    }),
  ),
  scalar(
    'JSON_KEYS',
    'Returns the names of the fields of an object in JSON.',
    variant('(STRING) -> ARRAY<STRING>', (text: string) => {
      const node = parseJson(text)
      return node.kind === 'object' ? [...node.fields.keys()] : null
    }),
  ),
  scalar(
    'JSON_RECORDS',
    'Returns the fields of an object in JSON as a map.',
    variant('(STRING) -> MAP<STRING, STRING>', (text: string) => {
      const node = parseJson(text)
      if (node.kind !== 'object') return null
      return new Map([...node.fields].map(([name, field]) => [name, textOf(field)]))
    }),
  ),
  scalar(
    'TO_JSON_STRING',
    'Returns a value as JSON.',
    bound(
      '(T) -> STRING',
      ([type]) =>
        (value) =>
          value === null || !type
            ? 'null'
            : joinTexts('TO_JSON_STRING', [jsonOfValue(value, type)], ''),
      { takesNull: true },
    ),
  ),
]

function textOf(node: JsonNode): string {
  return node.kind === 'string' ? node.text : showJson(node)
}

function extract(text: string, path: string): string | null {
  if (!PATH.test(path)) {
    throw new EvaluationError(
      `JSON path: '${path.slice(0, 100)}' cannot be read; a path such as $.a['b'][0] is allowed`,
    )
  }
  let node: JsonNode | undefined = parseJson(text)
  for (const [, plain, index, quoted, doubleQuoted] of path.matchAll(PATH_STEP)) {
    const name: string = plain ?? index ?? quoted ?? doubleQuoted ?? ''
    if (node.kind === 'object') node = node.fields.get(name)
    else
      node = node.kind === 'array' && /^\d+$/.test(name) ? node.elements[Number(name)] : undefined
    if (node === undefined) return null
  }
  return textOf(node)
}

function contains(text: string | null, value: Value, type: SqlType | null): boolean {
  const node = text === null ? undefined : tryParseJson(text)
  return node?.kind === 'array' && node.elements.some((element) => isEqual(element, value, type))
}

function isEqual(node: JsonNode, value: Value, type: SqlType | null): boolean {
  if (value === null) return node.kind === 'literal' && node.text === 'null'
  switch (type?.kind) {
    case 'STRING':
      return node.kind === 'string' && node.text === value
    case 'BOOLEAN':
      return node.kind === 'literal' && node.text === String(value)
    case 'INTEGER':
    case 'BIGINT':
      return (
        node.kind === 'number' &&
        /^-?\d+$/.test(node.text) &&
        BigInt(node.text) === BigInt(value as number)
      )
    case 'DOUBLE':
      return node.kind === 'number' && /[.eE]/.test(node.text) && Number(node.text) === value
    case 'DECIMAL':
      return (
        node.kind === 'number' &&
        value instanceof Decimal &&
        Decimal.parse(node.text)?.compare(value) === 0
      )
    default:
      return false
  }
}

function concat(...texts: string[]): string | null {
  const nodes = texts.map(parseJson)
  if (nodes.length === 0) return null
  const fields = nodes.flatMap((node) => (node.kind === 'object' ? [...node.fields] : []))
  const joined: JsonNode = nodes.every(({ kind }) => kind === 'object')
    ? { kind: 'object', fields: new Map(fields) }
    : {
        kind: 'array',
        elements: nodes.flatMap((node) => (node.kind === 'array' ? node.elements : [node])),
      }
  const [only] = nodes
  const shown = showJson(nodes.length === 1 && only !== undefined ? only : joined)
  return joinTexts('JSON_CONCAT', [shown], '')
}
