/** Parses queries. */
import { SqlError } from '../errors.ts'
import { COLUMNS_MAX, JOINED_SOURCES_MAX } from '../limits.ts'
import type {
  Duration,
  Expression,
  JoinClause,
  JoinType,
  Query,
  SelectItem,
  SourceReference,
  WindowClause,
} from './ast.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression, parseUnit } from './parse-expression.ts'

/**
 * query = SELECT item { ',' item } FROM source { join } [ WINDOW window ] [ WHERE expression ]
 *         { GROUP BY list | PARTITION BY list } [ HAVING expression ] [ EMIT ( CHANGES | FINAL ) ] [ LIMIT integer ]
 */
export function parseQuery(cursor: Cursor): Query {
  cursor.expect('SELECT')
  const select = cursor.list(() => parseSelectItem(cursor))
  if (select.length > COLUMNS_MAX) {
    throw new SqlError(`SELECT: ${select.length} expressions; at most ${COLUMNS_MAX} are allowed`)
  }
  cursor.expect('FROM')
  const from = parseSource(cursor)
  const joins: JoinClause[] = []
  for (let join = parseJoin(cursor); join !== undefined; join = parseJoin(cursor)) {
    joins.push(join)
    if (joins.length === JOINED_SOURCES_MAX) {
      throw new SqlError(`JOIN: at most ${JOINED_SOURCES_MAX} sources are allowed`, cursor.at)
    }
  }
  const window = cursor.accept('WINDOW') ? parseWindow(cursor) : undefined
  const where = cursor.accept('WHERE') ? parseExpression(cursor) : undefined
  const { groupBy, partitionBy } = parseKeys(cursor)
  const having = cursor.accept('HAVING') ? parseExpression(cursor) : undefined
  const emit = cursor.accept('EMIT') ? cursor.expectOne(['CHANGES', 'FINAL'] as const) : undefined
  const limit = cursor.accept('LIMIT') ? cursor.integer() : undefined
  return {
    ...{ kind: 'query', select, from, joins },
    ...(window === undefined ? {} : { window }),
    ...(where === undefined ? {} : { where }),
    ...(groupBy === undefined ? {} : { groupBy }),
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(having === undefined ? {} : { having }),
    ...(emit === undefined ? {} : { emit }),
    ...(limit === undefined ? {} : { limit }),
  }
}

function parseKeys(cursor: Cursor): { groupBy?: Expression[]; partitionBy?: Expression[] } {
  const partitionBy = cursor.accept('PARTITION', 'BY') ? parseKeyList(cursor) : undefined
  const groupBy = cursor.accept('GROUP', 'BY') ? parseKeyList(cursor) : undefined
  return {
    ...(groupBy === undefined ? {} : { groupBy }),
    ...(partitionBy === undefined ? {} : { partitionBy }),
  }
}

/** keys = expression { ',' expression } | '(' [ expression { ',' expression } ] ')' */
function parseKeyList(cursor: Cursor): Expression[] {
  const mark = cursor.mark()
  if (cursor.accept('(')) {
    const keys = cursor.isAt(')') ? [] : cursor.list(() => parseExpression(cursor))
    const isWhole = cursor.accept(')') && !isOperator(cursor)
    if (isWhole) return keys
    cursor.rewind(mark)
  }
  return cursor.list(() => parseExpression(cursor))
}

/** Returns whether an expression goes on behind a parenthesis. */
function isOperator(cursor: Cursor): boolean {
  const { kind, text } = cursor.token
  return kind === 'symbol' && text !== ';' && text !== ')'
}

function parseSelectItem(cursor: Cursor): SelectItem {
  if (cursor.accept('*')) return { kind: 'all' }
  if (cursor.isAtName() && cursor.isNext(1, '.') && cursor.isNext(2, '*')) {
    const source = cursor.name()
    cursor.expect('.', '*')
    return { kind: 'all', source }
  }
  const expression = parseExpression(cursor)
  if (cursor.accept('->', '*')) return { kind: 'all-fields', of: expression }
  const hasAlias = cursor.accept('AS') || cursor.isAtName('an alias')
  return { kind: 'expression', expression, ...(hasAlias ? { alias: cursor.name() } : {}) }
}

/** source = name [ [ AS ] alias ] */
function parseSource(cursor: Cursor): SourceReference {
  const { at } = cursor
  const name = cursor.name('a stream or table')
  const hasAlias = cursor.accept('AS') || cursor.isAtName('an alias')
  return { name, alias: hasAlias ? cursor.name() : name, at }
}

/**
 * join = [ INNER | ( LEFT | RIGHT | FULL ) [ OUTER ] ] JOIN source
 *        [ WITHIN ( duration | '(' duration ',' duration ')' ) [ GRACE PERIOD duration ] ] ON expression
 */
function parseJoin(cursor: Cursor): JoinClause | undefined {
  let type: JoinType | undefined = cursor.acceptOne(['INNER', 'LEFT', 'RIGHT', 'FULL'] as const)
  if (type !== undefined && type !== 'INNER') cursor.accept('OUTER')
  if (type === undefined) {
    if (!cursor.accept('JOIN')) return undefined
    type = 'INNER'
  } else cursor.expect('JOIN')
  const source = parseSource(cursor)
  const within = cursor.accept('WITHIN') ? parseWithin(cursor) : undefined
  cursor.expect('ON')
  const on = parseExpression(cursor)
  return { type, source, on, ...(within === undefined ? {} : { within }) }
}

function parseWithin(cursor: Cursor): NonNullable<JoinClause['within']> {
  let before: Duration
  let after: Duration
  if (cursor.accept('(')) {
    before = parseDuration(cursor)
    cursor.expect(',')
    after = parseDuration(cursor)
    cursor.expect(')')
  } else {
    before = parseDuration(cursor)
    after = before
  }
  if (!cursor.accept('GRACE', 'PERIOD')) return { before, after }
  return { before, after, grace: parseDuration(cursor) }
}

/** window = [ name ] ( TUMBLING | HOPPING | SESSION ) '(' ... ')' */
function parseWindow(cursor: Cursor): WindowClause {
  const kind = cursor.expectOne(['TUMBLING', 'HOPPING', 'SESSION'] as const)
  cursor.expect('(')
  if (kind !== 'SESSION') cursor.expect('SIZE')
  const size = parseDuration(cursor)
  let advanceBy: Duration | undefined
  if (kind === 'HOPPING') {
    cursor.expect(',', 'ADVANCE', 'BY')
    advanceBy = parseDuration(cursor)
  }
  const retention = cursor.accept(',', 'RETENTION') ? parseDuration(cursor) : undefined
  const grace = cursor.accept(',', 'GRACE', 'PERIOD') ? parseDuration(cursor) : undefined
  cursor.expect(')')
  return {
    ...{ kind, size },
    ...(advanceBy === undefined ? {} : { advanceBy }),
    ...(retention === undefined ? {} : { retention }),
    ...(grace === undefined ? {} : { grace }),
  }
}

export function parseDuration(cursor: Cursor): Duration {
  return { amount: cursor.integer(), unit: parseUnit(cursor) }
}
