/** Parses statements. */
import { SqlError } from '../errors.ts'
import type { InsertValues, Listed, SourceKind, Statement } from './ast.ts'
import type { Cursor, TypeLookup } from './cursor.ts'
import { STATEMENT_WORDS, type StatementWord } from './keywords.ts'
import { parseCreate, parseProperties } from './parse-create.ts'
import { parseExpression } from './parse-expression.ts'
import { parseDuration, parseQuery } from './parse-query.ts'
import { parseType } from './parse-type.ts'
import { parseWhole, type StatementText } from './statement-text.ts'

/**
 * Parses one statement.
 *
 * @param typeOf Finds the types that CREATE TYPE named.
 * @throws {SqlSyntaxError} with the place, what was found and what is expected.
 */
export function parseStatement(
  text: StatementText,
  typeOf: TypeLookup = () => undefined,
): Statement {
  return parseWhole(text, typeOf, parseAny)
}

type StatementParser = (cursor: Cursor) => Statement

/** The parsers by the first word, which they find behind the cursor. */
const BY_FIRST_WORD: Readonly<Record<StatementWord, StatementParser>> = {
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
  return BY_FIRST_WORD[cursor.expectOne(STATEMENT_WORDS)](cursor)
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
