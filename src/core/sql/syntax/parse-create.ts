/** Parses CREATE. */
import { SqlError, type SqlPosition } from '../errors.ts'
import { COLUMNS_MAX } from '../limits.ts'
import type { Value } from '../types/value.ts'
import type { ColumnDefinition, ColumnRole, Properties, Statement } from './ast.ts'
import type { Cursor } from './cursor.ts'
import { parseLiteral } from './parse-expression.ts'
import { parseQuery } from './parse-query.ts'
import { parseType } from './parse-type.ts'

export type CreateStatement = Extract<
  Statement,
  { kind: 'create-type' | 'create-source' | 'create-as' }
>

/**
 * create = CREATE [ OR REPLACE ] [ SOURCE ] ( STREAM | TABLE ) [ IF NOT EXISTS ] name ... | CREATE TYPE ... */
export function parseCreate(cursor: Cursor): CreateStatement {
  const { at } = cursor
  if (cursor.accept('TYPE')) {
    const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
    const name = cursor.name('a type')
    cursor.expect('AS')
    return { kind: 'create-type', name, type: parseType(cursor), ifNotExists }
  }
  refuseConnector(cursor, at)
  const orReplace = cursor.accept('OR', 'REPLACE')
  const isReadOnly = cursor.accept('SOURCE')
  const sourceKind = cursor.expectOne(['STREAM', 'TABLE'] as const)
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
  const name = cursor.name(`a name of the ${sourceKind.toLowerCase()}`)
  const columns = cursor.isAt('(') ? parseColumns(cursor) : []
  const properties = parseProperties(cursor)
  const base = { sourceKind, orReplace, ifNotExists, name, properties }
  const isAs = columns.length === 0 && !isReadOnly && cursor.accept('AS')
  if (isAs) return { kind: 'create-as', ...base, query: parseQuery(cursor) }
  return { kind: 'create-source', ...base, isReadOnly, columns }
}

function refuseConnector(cursor: Cursor, at: SqlPosition): void {
  const isConnector = cursor.isNext(0, 'SOURCE', 'SINK') && cursor.isNext(1, 'CONNECTOR')
  if (!isConnector) return
  throw new SqlError('CONNECTOR: statements about connectors are not supported', at)
}

/** columns = '(' name type [ KEY | PRIMARY KEY | HEADERS | HEADER '(' string ')' ] { ',' ... } ')' */
function parseColumns(cursor: Cursor): ColumnDefinition[] {
  cursor.expect('(')
  const columns = cursor.list(() => {
    const name = cursor.name('a column')
    const type = parseType(cursor)
    const role = parseRole(cursor)
    return { name, type, ...(role === undefined ? {} : { role }) }
  })
  cursor.expect(')')
  if (columns.length > COLUMNS_MAX) {
    throw new SqlError(`columns: ${columns.length}; at most ${COLUMNS_MAX} are allowed`, cursor.at)
  }
  return columns
}

function parseRole(cursor: Cursor): ColumnRole | undefined {
  if (cursor.accept('PRIMARY', 'KEY')) return 'PRIMARY KEY'
  if (cursor.accept('KEY')) return 'KEY'
  if (cursor.accept('HEADERS')) return 'HEADERS'
  if (!cursor.accept('HEADER', '(')) return undefined
  const header = cursor.string()
  cursor.expect(')')
  return { header }
}

/** properties = [ WITH '(' name '=' literal { ',' ... } ')' ] */
export function parseProperties(cursor: Cursor): Properties {
  const properties = new Map<string, Value>()
  if (!cursor.accept('WITH')) return properties
  cursor.expect('(')
  if (cursor.accept(')')) return properties
  cursor.list(() => {
    const { at, token } = cursor
    const given = token.kind === 'string' ? cursor.next().text : cursor.name('a property')
    const name = given.toUpperCase()
    if (properties.has(name)) throw new SqlError(`Duplicate property: ${name}`, at)
    cursor.expect('=')
    properties.set(name, parseLiteral(cursor))
  })
  cursor.expect(')')
  return properties
}
