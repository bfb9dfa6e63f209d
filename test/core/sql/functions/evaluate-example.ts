/** Evaluates the examples of functions: calls, literals, arrays, maps and lambdas whose bodies are calls. */
import type {
  Environment,
  FunctionVariant,
  Lambda,
} from '../../../../src/core/sql/functions/function.ts'
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../../../../src/core/sql/functions/functions.ts'
import { type Argument, matchVariant } from '../../../../src/core/sql/functions/match-variant.ts'
import { Decimal } from '../../../../src/core/sql/types/decimal.ts'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  DOUBLE,
  decimalOf,
  INTEGER,
  mapOf,
  type SqlType,
  STRING,
} from '../../../../src/core/sql/types/sql-type.ts'
import {
  dateText,
  parseDateText,
  parseTimestampText,
  parseTimeText,
  timestampText,
  timeText,
} from '../../../../src/core/sql/types/time-text.ts'
import { longOf, type Value } from '../../../../src/core/sql/types/value.ts'

export interface Typed {
  readonly type: SqlType | null
  readonly value: Value
}

type Scope = ReadonlyMap<string, Typed>
type Part = Typed | { readonly unit: string } | { readonly names: string[]; readonly from: number }

const TOKEN = /\s*('(?:[^']|'')*'|-?\d+(?:\.\d+)?(?:E-?\d+)?|:=|=>|[A-Za-z_]\w*|.)/y

/** 2020-01-01, and a random number that is always the same. */
const ENVIRONMENT: Environment = { nowMs: () => 1_577_836_800_000, random: () => 0.5 }

export function evaluateExample(sql: string): Typed {
  return new Evaluator(sql).expression(new Map())
}

class Evaluator {
  private readonly tokens: string[] = []
  private index = 0

  constructor(sql: string) {
    TOKEN.lastIndex = 0
    for (let match = TOKEN.exec(sql); match !== null; match = TOKEN.exec(sql)) {
      this.tokens.push(match[1] ?? '')
    }
  }

  expression(scope: Scope): Typed {
    const token = this.next()
    if (token.startsWith("'"))
      return { type: STRING, value: token.slice(1, -1).replaceAll("''", "'") }
    if (/^-?\d/.test(token)) return numberOf(token)
    if (token === 'NULL') return { type: null, value: null }
    if (token === 'TRUE') return { type: BOOLEAN, value: true }
    if (token === 'ARRAY') return this.array(scope)
    if (token === 'MAP') return this.map(scope)
    return scope.get(token) ?? this.call(token, scope)
  }

  private next(): string {
    return this.tokens[this.index++] ?? ''
  }

  private until(end: string, item: () => void): void {
    this.next()
    while (this.tokens[this.index] !== end) {
      item()
      if (this.tokens[this.index] === ',') this.index++
    }
    this.index++
  }

  private array(scope: Scope): Typed {
    const items: Typed[] = []
    this.until(']', () => items.push(this.expression(scope)))
    return { type: arrayOf(commonType(items)), value: items.map(({ value }) => value) }
  }

  private map(scope: Scope): Typed {
    const items: Typed[] = []
    const value = new Map<Value, Value>()
    this.until(')', () => {
      const key = this.expression(scope).value
      this.next()
      const item = this.expression(scope)
      items.push(item)
      value.set(key, item.value)
    })
    return { type: mapOf(STRING, commonType(items)), value }
  }

  private call(name: string, scope: Scope): Typed {
    const parts: Part[] = []
    this.until(')', () => parts.push(this.part(scope)))
    const end = this.index
    const called = SCALAR_FUNCTIONS.get(name) ?? TABLE_FUNCTIONS.get(name)
    if (called === undefined) throw new Error(`there is no function ${name}`)
    const match = matchVariant(
      called,
      parts.map((part) => this.argument(part, scope)),
    )
    const returns = match.returnType()
    const call = bind(match.variant, match.parameters, returns)
    const values = parts.map((part, index): Value | Lambda => {
      if ('unit' in part) return part.unit
      if ('names' in part) return this.lambda(part, match.parameters[index] ?? null, scope)
      return coerce(part, match.parameters[index] ?? null)
    })
    this.index = end
    const isNull = match.variant.takesNull !== true && values.includes(null)
    return { type: returns, value: isNull ? null : call(...values) }
  }

  private part(scope: Scope): Part {
    const begin = this.index
    const names = this.lambdaNames()
    if (names !== undefined) {
      const from = this.index
      let depth = 0
      for (; depth > 0 || !/^[,)]$/.test(this.tokens[this.index] ?? ')'); this.index++) {
        const token = this.tokens[this.index]
        if (token === '(') depth++
        if (token === ')') depth--
      }
      return { names, from }
    }
    this.index = begin
    const [token = '', after = ''] = this.tokens.slice(begin, begin + 2)
    if (/^[A-Z]+S$/.test(token) && after !== '(') return { unit: this.next() }
    return this.expression(scope)
  }

  private lambdaNames(): string[] | undefined {
    const names: string[] = []
    if (this.tokens[this.index] === '(') this.until(')', () => names.push(this.next()))
    else names.push(this.next())
    return this.next() === '=>' ? names : undefined
  }

  private argument(part: Part, scope: Scope): Argument {
    if ('unit' in part) return 'INTERVALUNIT'
    if (!('names' in part)) return part.type
    return {
      lambdaParameters: part.names.length,
      typeOf: (types) =>
        this.body(
          part,
          types.map((type) => ({ type, value: null })),
          scope,
        ).type,
    }
  }

  private body(
    part: { names: string[]; from: number },
    given: readonly Typed[],
    scope: Scope,
  ): Typed {
    this.index = part.from
    return this.expression(
      new Map([
        ...scope,
        ...part.names.map((name, index) => [name, given[index]] as const),
      ]) as Scope,
    )
  }

  private lambda(
    part: { names: string[]; from: number },
    type: SqlType | null,
    scope: Scope,
  ): Lambda {
    let types: readonly SqlType[] = []
    const called: Argument = this.argument(part, scope)
    if (called === null || typeof called === 'string' || !('typeOf' in called))
      throw new Error('no lambda')
    return (...values) => {
      types = values.map((value) => typeOfValue(value))
      return coerce(
        this.body(
          part,
          values.map((value, index) => ({ type: types[index] ?? null, value })),
          scope,
        ),
        type,
      )
    }
  }
}

function typeOfValue(value: Value): SqlType {
  return typeof value === 'string' ? STRING : INTEGER
}

function bind(variant: FunctionVariant, parameters: readonly (SqlType | null)[], returns: SqlType) {
  const call = variant.call ?? variant.bind?.(parameters as SqlType[], returns, ENVIRONMENT)
  if (call === undefined) throw new Error(`${variant.signature} has no implementation`)
  return call
}

function commonType(items: readonly Typed[]): SqlType {
  return items.find(({ type }) => type !== null)?.type ?? STRING
}

function numberOf(token: string): Typed {
  if (/E/.test(token)) return { type: DOUBLE, value: Number(token) }
  const decimal = Decimal.parse(token)
  if (decimal !== undefined && token.includes('.')) {
    return {
      type: decimalOf(Math.max(decimal.precision, decimal.scale + 1), decimal.scale),
      value: decimal,
    }
  }
  const value = longOf(BigInt(token))
  return { type: Math.abs(Number(value)) <= 2 ** 31 ? INTEGER : BIGINT, value }
}

function coerce({ type, value }: Typed, wanted: SqlType | null): Value {
  if (value === null || wanted === null || type?.kind === wanted.kind) return value
  switch (wanted.kind) {
    case 'DOUBLE':
      return Number(String(value))
    case 'DECIMAL':
      return Decimal.fromInteger(value as number)
    case 'DATE':
      return parseDateText(String(value))
    case 'TIME':
      return parseTimeText(String(value))
    case 'TIMESTAMP':
      return parseTimestampText(String(value))
    default:
      return value
  }
}

/** Returns a value as the examples show it. */
export function shownResult({ type, value }: Typed): unknown {
  if (value === null || type === null) return null
  switch (type.kind) {
    case 'ARRAY':
      return (value as Value[]).map((each) => shownResult({ type: type.element, value: each }))
    case 'MAP':
      return Object.fromEntries(
        [...(value as Map<Value, Value>)].map(([key, each]) => [
          key,
          shownResult({ type: type.value, value: each }),
        ]),
      )
    case 'STRUCT':
      return Object.fromEntries(
        type.fields.map((field, index) => [
          field.name,
          shownResult({ type: field.type, value: (value as Value[])[index] ?? null }),
        ]),
      )
    case 'BYTES':
      return Buffer.from(value as Uint8Array).toString('base64')
    case 'DATE':
      return dateText(value as number)
    case 'TIME':
      return timeText(value as number)
    case 'TIMESTAMP':
      return timestampText(value as number)
    default: {
      const isPlain =
        typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
      return isPlain ? value : String(value)
    }
  }
}
