/**
 * Parses expressions. From the weakest to the strongest: OR, AND, NOT, comparisons, + and -, * and / and %, signs,
 * subscripts and fields.
 */
import { SqlError, SqlSyntaxError } from '../errors.ts'
import { Decimal } from '../types/decimal.ts'
import { BIGINT, BOOLEAN, DOUBLE, decimalOf, INTEGER, STRING } from '../types/sql-type.ts'
import { longOf, type Value } from '../types/value.ts'
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Expression,
  IntervalUnit,
  Literal,
} from './ast.ts'
import type { Cursor } from './cursor.ts'
import type { Token } from './lexer.ts'
import { parseType } from './parse-type.ts'

const UNITS: ReadonlyMap<string, IntervalUnit> = new Map(
  (
    ['MILLISECONDS', 'SECONDS', 'MINUTES', 'HOURS', 'DAYS', 'WEEKS', 'MONTHS', 'YEARS'] as const
  ).flatMap((unit) => [[unit, unit] as const, [unit.slice(0, -1), unit] as const]),
)

const COMPARISONS = ['=', '<>', '<=', '>=', '<', '>'] as const satisfies ComparisonOperator[]

/** expression = term { OR term } */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.nested(() => {
    let left = parseAnd(cursor)
    while (cursor.accept('OR')) left = { kind: 'or', left, right: parseAnd(cursor) }
    return left
  })
}

function parseAnd(cursor: Cursor): Expression {
  let left = parseNot(cursor)
  while (cursor.accept('AND')) left = { kind: 'and', left, right: parseNot(cursor) }
  return left
}

function parseNot(cursor: Cursor): Expression {
  if (!cursor.accept('NOT')) return parsePredicate(cursor)
  return cursor.nested(() => ({ kind: 'not', of: parseNot(cursor) }))
}

/** predicate = sum { comparison sum | IS ... | [NOT] BETWEEN ... | [NOT] IN ... | [NOT] LIKE ... } */
function parsePredicate(cursor: Cursor): Expression {
  let left = parseSum(cursor)
  for (;;) {
    const next = parsePredicateBehind(cursor, left)
    if (next === undefined) return left
    left = next
  }
}

function parsePredicateBehind(cursor: Cursor, left: Expression): Expression | undefined {
  const operator = cursor.acceptOne(COMPARISONS)
  if (operator !== undefined) {
    return { kind: 'comparison', operator, left, right: parseSum(cursor) }
  }
  if (cursor.accept('IS')) {
    const isNot = cursor.accept('NOT')
    if (cursor.accept('NULL')) return { kind: 'is-null', of: left, isNot }
    cursor.expect('DISTINCT', 'FROM')
    return { kind: 'distinct', left, right: parseSum(cursor), isNot }
  }
  const isNot = cursor.isAt('NOT') && cursor.isNext(1, 'BETWEEN', 'IN', 'LIKE')
  if (isNot) cursor.next()
  if (cursor.accept('BETWEEN')) {
    const low = parseSum(cursor)
    cursor.expect('AND')
    return { kind: 'between', of: left, low, high: parseSum(cursor), isNot }
  }
  if (cursor.accept('IN')) {
    cursor.expect('(')
    const list = cursor.list(() => parseExpression(cursor))
    cursor.expect(')')
    return { kind: 'in', of: left, list, isNot }
  }
  if (cursor.accept('LIKE')) {
    const pattern = parseSum(cursor)
    if (!cursor.accept('ESCAPE')) return { kind: 'like', of: left, pattern, isNot }
    const escapedBy = cursor.string()
    if (escapedBy.length !== 1) {
      throw new SqlError(
        `ESCAPE: expected one character, got ${JSON.stringify(escapedBy)}`,
        cursor.at,
      )
    }
    return { kind: 'like', of: left, pattern, escapedBy, isNot }
  }
  return undefined
}

/** sum = product { ( '+' | '-' | '||' ) product } */
function parseSum(cursor: Cursor): Expression {
  let left = parseProduct(cursor)
  for (;;) {
    const { at } = cursor
    if (cursor.accept('||')) {
      left = { kind: 'call', name: 'CONCAT', parameters: [left, parseProduct(cursor)], at }
      continue
    }
    const operator = cursor.acceptOne(['+', '-'] as const satisfies ArithmeticOperator[])
    if (operator === undefined) return left
    left = { kind: 'arithmetic', operator, left, right: parseProduct(cursor) }
  }
}

function parseProduct(cursor: Cursor): Expression {
  let left = parseSign(cursor)
  for (;;) {
    const operator = cursor.acceptOne(['*', '/', '%'] as const satisfies ArithmeticOperator[])
    if (operator === undefined) return left
    left = { kind: 'arithmetic', operator, left, right: parseSign(cursor) }
  }
}

function parseSign(cursor: Cursor): Expression {
  if (cursor.accept('+')) return cursor.nested(() => parseSign(cursor))
  if (!cursor.accept('-')) return parsePostfix(cursor)
  // The smallest BIGINT has no positive twin, so a sign belongs to the number behind it.
  const { kind } = cursor.token
  if (kind === 'integer' || kind === 'decimal' || kind === 'float') {
    return parseFields(cursor, numberOf(cursor.next(), '-'))
  }
  const of = cursor.nested(() => parseSign(cursor))
  return { kind: 'negate', of }
}

function parsePostfix(cursor: Cursor): Expression {
  return parseFields(cursor, parsePrimary(cursor))
}

/** postfix = primary { '[' expression ']' | '->' name } */
function parseFields(cursor: Cursor, primary: Expression): Expression {
  let of = primary
  for (;;) {
    if (cursor.accept('[')) {
      const index = parseExpression(cursor)
      cursor.expect(']')
      of = { kind: 'subscript', of, index }
    } else if (cursor.isAt('->') && !cursor.isNext(1, '*')) {
      cursor.next()
      of = { kind: 'field', of, name: cursor.name('a field') }
    } else return of
  }
}

function parsePrimary(cursor: Cursor): Expression {
  const { token } = cursor
  switch (token.kind) {
    case 'integer':
    case 'decimal':
    case 'float':
      return numberOf(cursor.next(), '')
    case 'string':
      return { kind: 'literal', value: cursor.next().text, type: STRING }
    case 'quoted':
      return parseName(cursor)
    default:
  }
  if (cursor.accept('NULL')) return { kind: 'literal', value: null, type: null }
  if (cursor.accept('TRUE')) return literal(true)
  if (cursor.accept('FALSE')) return literal(false)
  if (cursor.isAt('(')) return parseParentheses(cursor)
  if (cursor.accept('CASE')) return parseCase(cursor)
  if (cursor.accept('CAST')) {
    cursor.expect('(')
    const of = parseExpression(cursor)
    cursor.expect('AS')
    const type = parseType(cursor)
    cursor.expect(')')
    return { kind: 'cast', of, type }
  }
  if (cursor.accept('ARRAY', '[')) {
    const elements = cursor.isAt(']') ? [] : cursor.list(() => parseExpression(cursor))
    cursor.expect(']')
    return { kind: 'array', elements }
  }
  if (cursor.isAt('MAP', '(') && isConstructor(cursor)) return parseMap(cursor)
  if (cursor.isAt('STRUCT', '(')) return parseStruct(cursor)
  cursor.couldBe('an expression')
  return parseName(cursor)
}

function literal(value: boolean): Literal {
  return { kind: 'literal', value, type: BOOLEAN }
}

function numberOf({ kind, text, at }: Token, sign: '' | '-'): Literal {
  if (kind === 'float') {
    const value = Number(sign + text)
    if (Number.isFinite(value)) return { kind: 'literal', value, type: DOUBLE }
    throw new SqlSyntaxError(`Number overflows DOUBLE: ${sign}${text}`, at)
  }
  if (kind === 'decimal') {
    const value = Decimal.parse(sign + text)
    if (value === undefined) throw new SqlSyntaxError(`Invalid numeric literal: ${sign}${text}`, at)
    const digits = value.unscaled.toString().replace('-', '').length
    return { kind: 'literal', value, type: decimalOf(Math.max(digits, value.scale), value.scale) }
  }
  const value = BigInt(sign + text)
  if (BigInt.asIntN(64, value) !== value) {
    throw new SqlSyntaxError(`Invalid numeric literal: ${sign}${text}`, at)
  }
  const isInteger = BigInt.asIntN(32, value) === value
  return { kind: 'literal', value: longOf(value), type: isInteger ? INTEGER : BIGINT }
}

/** parentheses = '(' expression ')' | '(' name { ',' name } ')' '=>' expression */
function parseParentheses(cursor: Cursor): Expression {
  const mark = cursor.mark()
  cursor.expect('(')
  const names: string[] = []
  while (cursor.isAtName()) {
    names.push(cursor.next().text)
    if (!cursor.accept(',')) break
  }
  if (names.length > 0 && cursor.accept(')', '=>')) {
    return { kind: 'lambda', names, body: parseExpression(cursor) }
  }
  cursor.rewind(mark)
  cursor.expect('(')
  const inner = parseExpression(cursor)
  cursor.expect(')')
  return inner
}

/** name = column | source '.' column | function '(' ... ')' | name '=>' expression | unit */
function parseName(cursor: Cursor): Expression {
  const { at, token } = cursor
  const name = cursor.name()
  if (cursor.accept('=>')) return { kind: 'lambda', names: [name], body: parseExpression(cursor) }
  if (cursor.accept('.')) return { kind: 'column', source: name, name: cursor.name('a column'), at }
  if (cursor.accept('(')) return parseCall(cursor, name, at)
  const unit = token.kind === 'word' ? UNITS.get(name) : undefined
  // A unit stands only where a parameter ends: DATEADD(DAYS, 1, x).
  if (unit !== undefined && cursor.isAt(',')) return { kind: 'unit', unit }
  return { kind: 'column', name, at }
}

/** Parses what follows the parenthesis of a call. COUNT(*) has no parameters. */
function parseCall(cursor: Cursor, name: string, at: Token['at']): Expression {
  if (cursor.accept('*')) {
    cursor.expect(')')
    return { kind: 'call', name, parameters: [], at }
  }
  const parameters = cursor.isAt(')') ? [] : cursor.list(() => parseExpression(cursor))
  cursor.expect(')')
  return { kind: 'call', name, parameters, at }
}

function parseCase(cursor: Cursor): Expression {
  const operand = cursor.isAt('WHEN') ? undefined : parseExpression(cursor)
  const branches: Array<{ when: Expression; result: Expression }> = []
  cursor.expect('WHEN')
  do {
    const when = parseExpression(cursor)
    cursor.expect('THEN')
    branches.push({ when, result: parseExpression(cursor) })
  } while (cursor.accept('WHEN'))
  const otherwise = cursor.accept('ELSE') ? parseExpression(cursor) : undefined
  cursor.expect('END')
  return {
    kind: 'case',
    branches,
    ...(operand === undefined ? {} : { operand }),
    ...(otherwise === undefined ? {} : { otherwise }),
  }
}

/** Returns whether MAP( begins a map, and not the call of a function: an empty one, or one with `:=`. */
function isConstructor(cursor: Cursor): boolean {
  const mark = cursor.mark()
  cursor.expect('MAP', '(')
  if (cursor.isAt(')')) {
    cursor.rewind(mark)
    return true
  }
  parseExpression(cursor)
  const isMap = cursor.isAt(':=')
  cursor.rewind(mark)
  return isMap
}

function parseMap(cursor: Cursor): Expression {
  cursor.expect('MAP', '(')
  const entries = cursor.isAt(')')
    ? []
    : cursor.list(() => {
        const key = parseExpression(cursor)
        cursor.expect(':=')
        return { key, value: parseExpression(cursor) }
      })
  cursor.expect(')')
  return { kind: 'map', entries }
}

function parseStruct(cursor: Cursor): Expression {
  cursor.expect('STRUCT', '(')
  const fields = cursor.isAt(')')
    ? []
    : cursor.list(() => {
        const name = cursor.name('a field')
        cursor.expect(':=')
        return { name, value: parseExpression(cursor) }
      })
  cursor.expect(')')
  return { kind: 'struct', fields }
}

/** Returns the value of a literal with an optional sign, as WITH and INSERT have them. */
export function parseLiteral(cursor: Cursor): Value {
  const expression = parseSign(cursor)
  if (expression.kind !== 'literal') throw cursor.unexpected()
  return expression.value
}

/** duration = integer unit */
export function parseUnit(cursor: Cursor): IntervalUnit {
  const unit = cursor.token.kind === 'word' ? UNITS.get(cursor.token.text) : undefined
  if (unit === undefined) {
    for (const name of ['SECONDS', 'MINUTES', 'HOURS', 'DAYS', 'MILLISECONDS']) cursor.couldBe(name)
    throw cursor.unexpected()
  }
  cursor.next()
  return unit
}
