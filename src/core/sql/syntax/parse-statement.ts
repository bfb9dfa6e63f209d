/** Parses statements. */
import { SqlError, type SqlPosition } from '../errors.ts'
import { COLUMNS_MAX, STATEMENTS_MAX } from '../limits.ts'
import type { Value } from '../types/value.ts'
import type {
  ColumnDefinition,
  ColumnRole,
  InsertValues,
  Listed,
  Properties,
  SourceKind,
  Statement,
} from './ast.ts'
import { Cursor, type TypeLookup } from './cursor.ts'
import { type Token, tokenize } from './lexer.ts'
import { parseExpression, parseLiteral } from './parse-expression.ts'
import { parseDuration, parseQuery } from './parse-query.ts'
import { parseType } from './parse-type.ts'

/** The tokens of one statement. */
export interface StatementText {
  /** As it was written, with the semicolon. */
  readonly text: string
  readonly tokens: readonly Token[]
}

/**
 * Cuts a text into statements. Each ends with a semicolon.
 *
 * @throws {SqlError} for a text that has no tokens, or an open quote.
 */
export function splitStatements(text: string): StatementText[] {
  const all = tokenize(text)
  const statements: StatementText[] = []
  let tokens: Token[] = []
  for (const token of all) {
    const isEnd = token.kind === 'symbol' && token.text === ';'
    if (!isEnd && token.kind !== 'end') {
      tokens.push(token)
      continue
    }
    const [first] = tokens
    if (first === undefined) continue
    const end: Token = { ...token, kind: 'end', text: '', raw: '', to: token.from }
    if (!isEnd) {
      const cursor = new Cursor([end], () => undefined)
      cursor.couldBe("';'")
      throw cursor.unexpected()
    }
    statements.push({ text: text.slice(first.from, token.to), tokens: [...tokens, end] })
    if (statements.length > STATEMENTS_MAX) {
      throw new SqlError(`statements: more than ${STATEMENTS_MAX}; send several requests`)
    }
    tokens = []
  }
  return statements
}

/**
 * Parses one statement.
 *
 * @param typeOf Finds the types that CREATE TYPE named.
 * @throws {SqlSyntaxError} with the place, what was found and what is expected.
 */
export function parseStatement(
  { tokens }: StatementText,
  typeOf: TypeLookup = () => undefined,
): Statement {
  const cursor = new Cursor(tokens, typeOf)
  const statement = parseAny(cursor)
  cursor.expectEnd()
  return statement
}

type StatementParser = (cursor: Cursor) => Statement

/** The parsers by the first word, which they find behind the cursor. */
const BY_FIRST_WORD: Readonly<Record<string, StatementParser>> = {
  CREATE: parseCreate,
  INSERT: parseInsert,
  DROP: parseDrop,
  ALTER: parseAlter,
  SHOW: parseList,
  LIST: parseList,
  DESCRIBE: parseDescribe,
  EXPLAIN: parseExplain,
  PRINT: parsePrint,
  TERMINATE: (cursor) => parseQueryId(cursor, 'terminate'),
  PAUSE: (cursor) => parseQueryId(cursor, 'pause'),
  RESUME: (cursor) => parseQueryId(cursor, 'resume'),
  SET: (cursor) => {
    const property = cursor.string()
    cursor.expect('=')
    return { kind: 'set', property, value: cursor.string() }
  },
  UNSET: (cursor) => ({ kind: 'unset', property: cursor.string() }),
  DEFINE: (cursor) => {
    const name = cursor.name('a variable')
    cursor.expect('=')
    return { kind: 'define', name, value: cursor.string() }
  },
  UNDEFINE: (cursor) => ({ kind: 'undefine', name: cursor.name('a variable') }),
  ASSERT: parseAssert,
}

function parseAny(cursor: Cursor): Statement {
  if (cursor.isAt('SELECT')) return parseQuery(cursor)
  for (const [word, parse] of Object.entries(BY_FIRST_WORD)) {
    if (cursor.accept(word)) return parse(cursor)
  }
  throw cursor.unexpected()
}

/** create = CREATE [ OR REPLACE ] [ SOURCE ] ( STREAM | TABLE ) [ IF NOT EXISTS ] name ... | CREATE TYPE ... */
function parseCreate(cursor: Cursor): Statement {
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
function parseProperties(cursor: Cursor): Properties {
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

/** insert = INSERT INTO name ( [ properties ] query | [ '(' columns ')' ] VALUES '(' expressions ')' ) */
function parseInsert(cursor: Cursor): Statement {
  cursor.expect('INTO')
  const target = cursor.name('a stream or table')
  const properties = parseProperties(cursor)
  if (cursor.isAt('SELECT')) {
    return { kind: 'insert-into', target, properties, query: parseQuery(cursor) }
  }
  return parseInsertValues(cursor, target)
}

function parseInsertValues(cursor: Cursor, target: string): InsertValues {
  let columns: string[] = []
  if (cursor.accept('(')) {
    columns = cursor.list(() => cursor.name('a column'))
    cursor.expect(')')
  }
  cursor.expect('VALUES', '(')
  const values = cursor.list(() => parseExpression(cursor))
  cursor.expect(')')
  return { kind: 'insert-values', target, columns, values }
}

function parseDrop(cursor: Cursor): Statement {
  const { at } = cursor
  if (cursor.isAt('CONNECTOR')) {
    throw new SqlError('CONNECTOR: statements about connectors are not supported', at)
  }
  if (cursor.accept('TYPE')) {
    const ifExists = cursor.accept('IF', 'EXISTS')
    return { kind: 'drop-type', name: cursor.name('a type'), ifExists }
  }
  const sourceKind = cursor.expectOne(['STREAM', 'TABLE'] as const)
  const ifExists = cursor.accept('IF', 'EXISTS')
  const name = cursor.name(`a ${sourceKind.toLowerCase()}`)
  const deletesTopic = cursor.accept('DELETE', 'TOPIC')
  return { kind: 'drop-source', sourceKind, name, ifExists, deletesTopic }
}

function parseAlter(cursor: Cursor): Statement {
  const sourceKind: SourceKind = cursor.expectOne(['STREAM', 'TABLE'] as const)
  const name = cursor.name(`a ${sourceKind.toLowerCase()}`)
  const columns = cursor.list(() => {
    cursor.expect('ADD')
    cursor.accept('COLUMN')
    const column = cursor.name('a column')
    return { name: column, type: parseType(cursor) }
  })
  return { kind: 'alter-source', sourceKind, name, columns }
}

const LISTED = [
  'STREAMS',
  'TABLES',
  'TOPICS',
  'QUERIES',
  'FUNCTIONS',
  'PROPERTIES',
  'TYPES',
  'VARIABLES',
  'CONNECTORS',
] as const satisfies Listed[]

function parseList(cursor: Cursor): Statement {
  const isAll = cursor.accept('ALL')
  const what = cursor.expectOne(LISTED)
  return { kind: 'list', what, isAll, isExtended: cursor.accept('EXTENDED') }
}

function parseDescribe(cursor: Cursor): Statement {
  if (cursor.accept('FUNCTION')) {
    return { kind: 'describe-function', name: cursor.name('a function') }
  }
  const all = cursor.acceptOne(['STREAMS', 'TABLES'] as const)
  if (all !== undefined) {
    return { kind: 'describe-all', what: all, isExtended: cursor.accept('EXTENDED') }
  }
  // DESCRIBE EXTENDED s is the older form of DESCRIBE s EXTENDED.
  const isOlder =
    cursor.isAt('EXTENDED') && cursor.peek(1).kind !== 'end' && cursor.accept('EXTENDED')
  const name = cursor.name('a stream or table')
  return { kind: 'describe', name, isExtended: cursor.accept('EXTENDED') || isOlder }
}

function parseExplain(cursor: Cursor): Statement {
  if (cursor.isAtName('the id of a query')) return { kind: 'explain', what: cursor.name() }
  return { kind: 'explain', what: parseAny(cursor) }
}

/** print = PRINT topic [ FROM BEGINNING ] [ ( INTERVAL | SAMPLE ) integer ] [ LIMIT integer ] */
function parsePrint(cursor: Cursor): Statement {
  const topic = topicName(cursor)
  const fromBeginning = cursor.accept('FROM', 'BEGINNING')
  const hasInterval = cursor.accept('INTERVAL') || cursor.accept('SAMPLE')
  const interval = hasInterval ? cursor.integer() : undefined
  const limit = cursor.accept('LIMIT') ? cursor.integer() : undefined
  return {
    ...{ kind: 'print', topic, fromBeginning },
    ...(interval === undefined ? {} : { interval }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** The name of a topic keeps its case, and may have hyphens and dots where it is in quotes. */
function topicName(cursor: Cursor): string {
  const { kind, raw } = cursor.token
  if (kind === 'string') return cursor.next().text
  const name = cursor.name('a topic')
  return kind === 'word' ? raw : name
}

function parseQueryId(cursor: Cursor, kind: 'terminate' | 'pause' | 'resume'): Statement {
  if (cursor.accept('ALL')) return { kind }
  return { kind, id: cursor.name('the id of a query, or ALL') }
}

function parseAssert(cursor: Cursor): Statement {
  if (cursor.isAt('STREAM') || cursor.isAt('TABLE')) {
    const source = parseCreate(cursor)
    if (source.kind !== 'create-source') throw cursor.unexpected()
    return { kind: 'assert-source', source }
  }
  const isTombstone = cursor.accept('NULL', 'VALUES')
  if (isTombstone || cursor.accept('VALUES')) {
    const target = cursor.name('a stream or table')
    let columns: string[] = []
    if (cursor.accept('(')) {
      columns = cursor.list(() => cursor.name('a column'))
      cursor.expect(')')
    }
    cursor.expect(isTombstone ? 'KEY' : 'VALUES', '(')
    const values = cursor.list(() => parseExpression(cursor))
    cursor.expect(')')
    return {
      kind: 'assert-values',
      insert: { kind: 'insert-values', target, columns, values },
      isTombstone,
    }
  }
  const isAbsent = cursor.accept('NOT', 'EXISTS')
  cursor.expect('TOPIC')
  const topic = topicName(cursor)
  const properties = parseProperties(cursor)
  const timeout = cursor.accept('TIMEOUT') ? parseDuration(cursor) : undefined
  return {
    ...{ kind: 'assert-topic', topic, properties, isAbsent },
    ...(timeout === undefined ? {} : { timeout }),
  }
}
