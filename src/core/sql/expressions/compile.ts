/**
 * Compiles expressions: finds the columns and types of their names, and makes a closure of each part. What it makes has
 * the type of its values and computes them for a row.
 */
import { EvaluationError, SqlError } from '../errors.ts'
import type {
  CaseExpression,
  ColumnReference,
  Expression,
  LambdaExpression,
} from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { identityOf } from '../types/compare-values.ts'
import { Decimal } from '../types/decimal.ts'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  mapOf,
  type SqlType,
  showType,
  structOf,
} from '../types/sql-type.ts'
import { parseTimestampText } from '../types/time-text.ts'
import { longOf, type Value } from '../types/value.ts'
import { compileArithmetic, isNumeric } from './arithmetic.ts'
import { cast, unify, unifyWithFirst } from './coercion.ts'
import { compileComparison, compileDistinct } from './comparison.ts'
import type { CompileContext, Compiler } from './compile-context.ts'
import { likeMatcher } from './like.ts'
import { type Evaluate, nullOnFailure, type Row, type Typed } from './typed.ts'

/** @throws {SqlError} for a name, a type or a call that does not fit. */
export function compile(expression: Expression, context: CompileContext): Typed {
  const go = (part: Expression) => compile(part, context)
  switch (expression.kind) {
    case 'literal': {
      const { value, type } = expression
      return { type, evaluate: () => value, literal: value }
    }
    case 'column':
      return compileColumn(expression, context)
    case 'call':
      return context.environment.compileCall(expression, context, compiler)
    case 'field':
      return compileField(go(expression.of), expression.name, expression)
    case 'subscript':
      return compileSubscript(go(expression.of), go(expression.index), expression)
    case 'negate':
      return negate(go(expression.of), expression)
    case 'not':
      return logical(expression, [go(expression.of)], ([of]) => not(of as Evaluate))
    case 'and':
    case 'or': {
      const sides = [go(expression.left), go(expression.right)]
      return logical(expression, sides, ([left, right]) =>
        expression.kind === 'and'
          ? (row, variables) => truth(left, row, variables) && truth(right, row, variables)
          : (row, variables) => truth(left, row, variables) || truth(right, row, variables),
      )
    }
    case 'arithmetic': {
      const { operator, left, right } = expression
      const isInLambda = (context.variables ?? []).length > 0
      return compileArithmetic(
        operator,
        go(left),
        go(right),
        printExpression(expression),
        isInLambda,
      )
    }
    case 'comparison': {
      const { operator, left, right } = expression
      const one = go(timeOfText(left, right))
      const other = go(timeOfText(right, left))
      return compileComparison(operator, one, other, printExpression(expression))
    }
    case 'distinct': {
      const { left, right, isNot } = expression
      return compileDistinct(go(left), go(right), isNot, printExpression(expression))
    }
    case 'is-null': {
      const { evaluate } = go(expression.of)
      const { isNot } = expression
      return {
        type: BOOLEAN,
        evaluate: (row, variables) => (evaluate(row, variables) === null) !== isNot,
      }
    }
    case 'between': {
      const { of, low, high, isNot } = expression
      const left = { kind: 'comparison', operator: '>=', left: of, right: low } as const
      const right = { kind: 'comparison', operator: '<=', left: of, right: high } as const
      const both = { kind: 'and', left, right } as const
      return go(isNot ? { kind: 'not', of: both } : both)
    }
    case 'in':
      return compileIn(expression, context)
    case 'like':
      return compileLike(expression, go(expression.of), go(expression.pattern))
    case 'case':
      return compileCase(expression, context)
    case 'cast': {
      const of = go(expression.of)
      return { ...cast(withoutLiteral(of), expression.type), type: expression.type }
    }
    case 'array': {
      const { type, all } = unify(expression.elements.map(go), 'ARRAY')
      if (type === null) {
        throw new SqlError('ARRAY: at least one element that is not NULL is needed, for the type')
      }
      const elements = all.map((one) => orNull(one, context))
      return {
        type: arrayOf(type),
        evaluate: (row, variables) => elements.map((element) => element(row, variables)),
      }
    }
    case 'map':
      return compileMap(expression, context)
    case 'struct': {
      const fields = expression.fields.map(({ name, value }) => ({ name, value: go(value) }))
      const names = new Set(fields.map(({ name }) => name))
      if (names.size < fields.length) throw new SqlError('Duplicate field names found in STRUCT')
      const values = fields.map(({ value }) => orNull(value, context))
      return {
        type: structOf(fields.map(({ name, value }) => ({ name, type: typeOf(value, 'STRUCT') }))),
        evaluate: (row, variables) => values.map((value) => value(row, variables)),
      }
    }
    case 'lambda':
      throw new SqlError(`${printExpression(expression)}: a lambda is allowed in a call only`)
    case 'unit':
      throw new SqlError(`${expression.unit}: a unit of time is allowed in a call only`)
  }
}

/** A part of an ARRAY, a MAP, a STRUCT or a call that fails is null there, unless it is in a lambda. */
export function orNull({ evaluate, literal }: Typed, context: CompileContext): Evaluate {
  if (literal !== undefined || (context.variables ?? []).length > 0) return evaluate
  return nullOnFailure(evaluate, context.onFailure ?? (() => {}))
}

const TIME_COLUMNS: ReadonlySet<string> = new Set(['ROWTIME', 'WINDOWSTART', 'WINDOWEND'])

/** A text that is compared with ROWTIME, or a bound of a window, is a time such as `2026-11-30T10:00`. */
function timeOfText(one: Expression, other: Expression): Expression {
  const isTime = other.kind === 'column' && TIME_COLUMNS.has(other.name)
  if (!isTime || one.kind !== 'literal' || typeof one.value !== 'string') return one
  try {
    return { kind: 'literal', value: parseTimestampText(one.value), type: BIGINT }
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new SqlError(`Failed to parse timestamp '${one.value}': ${error.message}`)
  }
}

/** Returns the type of an expression. @throws {SqlError} if it is NULL, which has none. */
export function typeOf({ type }: Typed, what: string): SqlType {
  if (type !== null) return type
  throw new SqlError(`${what}: NULL has no type; CAST(NULL AS ...) has one`)
}

/** A literal text that is cast has the errors of a row, not of a statement. */
function withoutLiteral({ type, evaluate }: Typed): Typed {
  return { type, evaluate }
}

function compileColumn(expression: ColumnReference, context: CompileContext): Typed {
  const { scope, clause, variables = [] } = context
  if (expression.source === undefined) {
    const slot = variables.findLastIndex(({ name }) => name === expression.name)
    const variable = variables[slot]
    if (variable !== undefined) {
      return { type: variable.type, evaluate: (_row, values) => values[slot] ?? null }
    }
  }
  // STRUCT columns may be read with a point: s.f is the column f of the source s, or the field f of the column s.
  if (expression.source !== undefined && !scope.has(expression)) {
    const { source, name, at } = expression
    if (scope.has({ name: source })) {
      return compileField(
        compileColumn({ kind: 'column', name: source, at }, context),
        name,
        expression,
      )
    }
  }
  const { index, column } = scope.find(expression, clause)
  return { type: column.type, evaluate: (row) => row[index] ?? null }
}

function compileField(of: Typed, name: string, shown: Expression): Typed {
  const { type, evaluate } = of
  if (type?.kind !== 'STRUCT') {
    const found = type === null ? 'NULL' : showType(type)
    throw new SqlError(`${printExpression(shown)}: expected STRUCT type, got ${found}`)
  }
  const index = type.fields.findIndex((field) => field.name === name)
  const field = type.fields[index]
  if (field === undefined) {
    const names = type.fields.map((one) => one.name).join(', ')
    throw new SqlError(
      `Could not find field '${name}' in '${printExpression(shown)}'; it has ${names}`,
    )
  }
  return {
    type: field.type,
    evaluate(row, variables) {
      const struct = evaluate(row, variables) as readonly Value[] | null
      return struct?.[index] ?? null
    },
  }
}

function compileSubscript(of: Typed, index: Typed, shown: Expression): Typed {
  const { type, evaluate } = of
  if (type?.kind === 'ARRAY') {
    if (index.type?.kind !== 'INTEGER' && index.type?.kind !== 'BIGINT') {
      throw new SqlError(`${printExpression(shown)}: the index of an ARRAY is a whole number`)
    }
    return {
      type: type.element,
      evaluate(row, variables) {
        const array = evaluate(row, variables) as readonly Value[] | null
        const at = index.evaluate(row, variables)
        if (array === null || at === null) return null
        const number = Number(at)
        return array[number < 0 ? array.length + number : number - 1] ?? null
      },
    }
  }
  if (type?.kind !== 'MAP') {
    const found = type === null ? 'NULL' : showType(type)
    throw new SqlError(`${printExpression(shown)}: an ARRAY or a MAP has subscripts; got ${found}`)
  }
  const key = cast(index, type.key)
  return {
    type: type.value,
    evaluate(row, variables) {
      const map = evaluate(row, variables) as ReadonlyMap<Value, Value> | null
      return map?.get(key.evaluate(row, variables)) ?? null
    },
  }
}

function negate({ type, evaluate }: Typed, shown: Expression): Typed {
  if (type === null || !isNumeric(type)) {
    throw new SqlError(`${printExpression(shown)}: a number can be negated`)
  }
  return {
    type,
    evaluate(row, variables) {
      const value = evaluate(row, variables)
      if (value === null) return null
      if (value instanceof Decimal) return value.negate()
      if (type.kind === 'INTEGER') return -(value as number) | 0
      if (type.kind === 'DOUBLE') return -(value as number)
      return longOf(-BigInt(value as number))
    },
  }
}

function logical(
  shown: Expression,
  parts: readonly Typed[],
  make: (parts: readonly Evaluate[]) => Evaluate,
): Typed {
  for (const { type } of parts) {
    if (type?.kind === 'BOOLEAN') continue
    const found = type === null ? 'NULL' : showType(type)
    throw new SqlError(`${printExpression(shown)}: BOOLEAN is allowed, got ${found}`)
  }
  return { type: BOOLEAN, evaluate: make(parts.map(({ evaluate }) => evaluate)) }
}

function not(of: Evaluate): Evaluate {
  return (row, variables) => !truth(of, row, variables)
}

/** A BOOLEAN that is null is neither true nor false: the expression fails. */
function truth(of: Evaluate | undefined, row: Row, variables: readonly Value[]): boolean {
  const value = of?.(row, variables)
  if (typeof value === 'boolean') return value
  throw new EvaluationError('a BOOLEAN is null where true or false is needed')
}

type InExpression = Extract<Expression, { kind: 'in' }>

function compileIn(expression: InExpression, context: CompileContext): Typed {
  const { of, list, isNot } = expression
  const { all } = unifyWithFirst(
    [of, ...list].map((part) => compile(part, context)),
    'IN',
  )
  const [value, ...items] = all as [Typed, ...Typed[]]
  const known = new Set(
    items.flatMap(({ literal }) => (literal == null ? [] : [identityOf(literal)])),
  )
  const others = items.filter(({ literal }) => literal === undefined)
  return {
    type: BOOLEAN,
    evaluate(row, variables) {
      const wanted = value.evaluate(row, variables)
      if (wanted === null) return isNot
      const identity = identityOf(wanted)
      const isIn =
        known.has(identity) ||
        others.some(({ evaluate }) => {
          const one = evaluate(row, variables)
          return one !== null && identityOf(one) === identity
        })
      return isIn !== isNot
    },
  }
}

type LikeExpression = Extract<Expression, { kind: 'like' }>

function compileLike(expression: LikeExpression, of: Typed, pattern: Typed): Typed {
  const { escapedBy, isNot } = expression
  for (const { type } of [of, pattern]) {
    if (type === null || type.kind === 'STRING') continue
    throw new SqlError(`${printExpression(expression)}: LIKE compares texts, got ${showType(type)}`)
  }
  const { literal } = pattern
  const fixed = typeof literal === 'string' ? likeMatcher(literal, escapedBy) : undefined
  return {
    type: BOOLEAN,
    evaluate(row, variables) {
      const text = of.evaluate(row, variables) as string | null
      const wanted = pattern.evaluate(row, variables) as string | null
      if (text === null || wanted === null) return false
      return (fixed ?? likeMatcher(wanted, escapedBy))(text) !== isNot
    },
  }
}

function compileCase(expression: CaseExpression, context: CompileContext): Typed {
  const { operand, branches, otherwise } = expression
  const conditions = branches.map(({ when }) => {
    const condition: Expression =
      operand === undefined
        ? when
        : { kind: 'comparison', operator: '=', left: operand, right: when }
    const compiled = compile(condition, context)
    if (compiled.type?.kind === 'BOOLEAN') return compiled.evaluate
    throw new SqlError(`CASE: WHEN ${printExpression(when)} is not a BOOLEAN`)
  })
  const given = [...branches.map(({ result }) => result), ...(otherwise ? [otherwise] : [])]
  const { type, all } = unify(
    given.map((result) => compile(result, context)),
    'CASE',
  )
  const results = all.map(({ evaluate }) => evaluate)
  return {
    type,
    evaluate(row, variables) {
      // A condition that is null is not met.
      const index = conditions.findIndex((condition) => condition(row, variables) === true)
      const result = results[index < 0 ? conditions.length : index]
      return result?.(row, variables) ?? null
    },
  }
}

type MapExpression = Extract<Expression, { kind: 'map' }>

function compileMap({ entries }: MapExpression, context: CompileContext): Typed {
  const keys = unify(
    entries.map(({ key }) => compile(key, context)),
    'MAP',
  )
  const values = unify(
    entries.map(({ value }) => compile(value, context)),
    'MAP',
  )
  if (values.type === null) {
    throw new SqlError('MAP: at least one value that is not NULL is needed, for the type')
  }
  if (keys.type === null) throw new SqlError('Cannot construct a map with all NULL keys')
  const keyParts = keys.all.map((one) => orNull(one, context))
  const valueParts = values.all.map((one) => orNull(one, context))
  return {
    type: mapOf(keys.type, values.type),
    evaluate: (row, variables) =>
      new Map(
        keyParts.map((key, index) => [
          key(row, variables),
          valueParts[index]?.(row, variables) ?? null,
        ]),
      ),
  }
}

/** Compiles a lambda whose parameters have the given types; its values are those around it and its own. */
function compileLambda(
  { names, body }: LambdaExpression,
  types: readonly (SqlType | null)[],
  context: CompileContext,
): Typed {
  const own = names.map((name, index) => ({ name, type: types[index] ?? null }))
  return compile(body, { ...context, variables: [...(context.variables ?? []), ...own] })
}

export const compiler: Compiler = { compile, compileLambda, cast, orNull }
