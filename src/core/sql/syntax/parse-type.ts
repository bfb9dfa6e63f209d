/** Parses types. */
import { SqlError } from '../errors.ts'
import { DECIMAL_DIGITS_MAX } from '../limits.ts'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  BYTES,
  DATE,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  decimalOf,
  INTEGER,
  mapOf,
  type SqlType,
  STRING,
  structOf,
  TIME,
  TIMESTAMP,
} from '../types/sql-type.ts'
import type { Cursor } from './cursor.ts'

const PLAIN: ReadonlyMap<string, SqlType> = new Map<string, SqlType>([
  ['BOOLEAN', BOOLEAN],
  ['INT', INTEGER],
  ['INTEGER', INTEGER],
  ['BIGINT', BIGINT],
  ['DOUBLE', DOUBLE],
  ['VARCHAR', STRING],
  ['STRING', STRING],
  ['BYTES', BYTES],
  ['TIME', TIME],
  ['DATE', DATE],
  ['TIMESTAMP', TIMESTAMP],
])

/**
 * type = plain [ '(' integer ')' ]
 *      | DECIMAL [ '(' precision [ ',' scale ] ')' ]
 *      | ARRAY '<' type '>' | MAP '<' type ',' type '>' | STRUCT '<' [ field { ',' field } ] '>'
 *      | type ARRAY | a name that CREATE TYPE gave
 */
export function parseType(cursor: Cursor): SqlType {
  let type = cursor.nested(() => parsePrefixType(cursor))
  while (cursor.accept('ARRAY')) type = arrayOf(type)
  return type
}

function parsePrefixType(cursor: Cursor): SqlType {
  if (cursor.accept('ARRAY', '<')) {
    const element = parseType(cursor)
    cursor.expect('>')
    return arrayOf(element)
  }
  if (cursor.accept('MAP', '<')) {
    const key = parseType(cursor)
    cursor.expect(',')
    const value = parseType(cursor)
    cursor.expect('>')
    return mapOf(key, value)
  }
  if (cursor.accept('STRUCT')) return parseStruct(cursor)
  if (cursor.accept('DECIMAL')) return parseDecimal(cursor)
  const { at } = cursor
  const isWord = cursor.token.kind === 'word'
  const name = cursor.name('a type')
  const plain = isWord ? PLAIN.get(name) : undefined
  if (plain !== undefined) {
    // VARCHAR(30) is read as VARCHAR.
    if (cursor.accept('(')) {
      cursor.integer()
      cursor.expect(')')
    }
    return plain
  }
  const custom = cursor.typeOf(name)
  if (custom !== undefined) return custom
  const position = `line ${at.line}:${at.column}`
  throw new SqlError(`${position}: Cannot resolve unknown type: ${name}`, at)
}

function parseStruct(cursor: Cursor): SqlType {
  // The token <> is an empty list here.
  if (cursor.accept('<>')) return structOf([])
  cursor.expect('<')
  if (cursor.accept('>')) return structOf([])
  const fields = cursor.list(() => {
    const name = cursor.name('a field')
    return { name, type: parseType(cursor) }
  })
  cursor.expect('>')
  const seen = new Set<string>()
  for (const { name } of fields) {
    if (seen.has(name)) throw new SqlError(`Duplicate field names found in STRUCT: '${name}'`)
    seen.add(name)
  }
  return structOf(fields)
}

function parseDecimal(cursor: Cursor): SqlType {
  let precision = DECIMAL_PRECISION_MAX
  let scale = 10
  if (cursor.accept('(')) {
    precision = cursor.integer()
    scale = cursor.accept(',') ? cursor.integer() : 0
    cursor.expect(')')
  }
  if (precision < 1)
    throw new SqlError(`DECIMAL precision must be >= 1: DECIMAL(${precision},${scale})`)
  if (scale > precision) {
    throw new SqlError(`DECIMAL precision must be >= scale: DECIMAL(${precision},${scale})`)
  }
  if (precision > DECIMAL_DIGITS_MAX) {
    throw new SqlError(`DECIMAL precision: ${precision}; at most ${DECIMAL_DIGITS_MAX} is allowed`)
  }
  return decimalOf(precision, scale)
}
