/** Finds the variant of a function that accepts the arguments of a call, by ksqlDB's rules. */
import { SqlError } from '../errors.ts'
import { DECIMAL_OF_BIGINT, DECIMAL_OF_INTEGER } from '../types/decimal.ts'
import { decimalOf, equalTypes, type SqlType, showType } from '../types/sql-type.ts'
import {
  type Bindings,
  hasVariables,
  type Pattern,
  type Signature,
  signatureOf,
  typeOfPattern,
} from './signature.ts'

/** A lambda whose types come out of the other arguments. */
export interface LambdaArgument {
  readonly lambdaParameters: number
  /** Returns the type of the lambda's body; null if it is always NULL. */
  readonly typeOf: (parameters: readonly SqlType[]) => SqlType | null
}

/** Type of an argument; null for the literal NULL, `INTERVALUNIT` for a unit of time such as DAYS. */
export type Argument = SqlType | null | LambdaArgument | 'INTERVALUNIT'

interface Variant {
  readonly signature: string
  readonly returns?: (parameters: readonly SqlType[]) => SqlType
}

export interface Match<V> {
  readonly variant: V
  /**
   * Type to which each argument must be coerced, and for a lambda its result. Null for units of time, and for a NULL
   * whose type is not known.
   */
  readonly parameters: readonly (SqlType | null)[]
  /** Returns the type of the result. @throws {SqlError} if only NULLs were given where they decide about it. */
  readonly returnType: () => SqlType
}

interface Candidate<V> {
  readonly variant: V
  readonly signature: Signature
  readonly bindings: Map<string, Binding>
}

interface Binding {
  readonly type: SqlType
  /** Set if the type stands inside another, such as ARRAY<T>: such a type is not widened. */
  readonly isInner: boolean
}

/** Numbers in the order in which one can become another. */
const NUMBERS = ['INTEGER', 'BIGINT', 'DECIMAL', 'DOUBLE']
const TIMES = ['TIME', 'DATE', 'TIMESTAMP']

/**
 * Returns the one best variant: first those that accept the arguments as they are, then those to whose parameters
 * numbers can be widened, and texts read as times. Of several, one without a variable number of arguments is better,
 * then one with more parameters, then one with fewer type variables.
 *
 * @throws {SqlError} if none accepts the arguments, or two are equally good.
 */
export function matchVariant<V extends Variant>(
  called: { readonly name: string; readonly variants: readonly V[] },
  given: readonly Argument[],
): Match<V> {
  for (const allowsCasts of [false, true]) {
    const candidates = called.variants
      .flatMap((variant) => candidateOf(variant, given, allowsCasts))
      .sort(compareCandidates)
    const [best, second] = candidates
    if (best === undefined) continue
    if (second !== undefined && compareCandidates(best, second) === 0) {
      throw new SqlError(
        `Function '${called.name}' cannot be resolved due to ambiguous method parameters ${showArguments(given)}.\n` +
          `Use CAST() to explicitly cast your parameters to one of the supported function calls.\n` +
          `Valid function calls are:\n${showVariants(called)}`,
      )
    }
    const match = complete(best, given, allowsCasts)
    if (match !== undefined) return match
  }
  throw new SqlError(
    `Function '${called.name}' does not accept parameters ${showArguments(given)}.\n` +
      `Valid alternatives are:\n${showVariants(called)}`,
  )
}

function compareCandidates(one: Candidate<unknown>, other: Candidate<unknown>): number {
  const variadic = Number(one.signature.variadic >= 0) - Number(other.signature.variadic >= 0)
  if (variadic !== 0) return variadic
  const longer = other.signature.parameters.length - one.signature.parameters.length
  return longer !== 0 ? longer : countVariables(one.signature) - countVariables(other.signature)
}

function countVariables({ parameters }: Signature): number {
  return parameters.filter(hasVariables).length
}

/** Returns one candidate, or none if the variant does not accept the arguments. Lambdas are only counted here. */
function candidateOf<V extends Variant>(
  variant: V,
  given: readonly Argument[],
  allowsCasts: boolean,
): Candidate<V>[] {
  const signature = signatureOf(variant.signature)
  const patterns = patternsFor(signature, given.length)
  if (patterns === undefined) return []
  const bindings = new Map<string, Binding>()
  const isAccepted = given.every((argument, index) => {
    const pattern = patterns[index]
    return pattern !== undefined && accepts(pattern, argument, bindings, allowsCasts)
  })
  return isAccepted ? [{ variant, signature, bindings }] : []
}

/** Returns the pattern of each of `count` arguments; undefined if there are too many or too few of them. */
function patternsFor({ parameters, variadic }: Signature, count: number): Pattern[] | undefined {
  const repeated = parameters[variadic]
  if (repeated === undefined) return parameters.length === count ? [...parameters] : undefined
  const repeats = count - parameters.length + 1
  if (repeats < 0) return undefined
  return [
    ...parameters.slice(0, variadic),
    ...Array<Pattern>(repeats).fill(repeated),
    ...parameters.slice(variadic + 1),
  ]
}

function accepts(
  pattern: Pattern,
  argument: Argument,
  bindings: Map<string, Binding>,
  allowsCasts: boolean,
): boolean {
  if (argument === null) return pattern.kind !== 'INTERVALUNIT' && pattern.kind !== 'LAMBDA'
  if (argument === 'INTERVALUNIT') return pattern.kind === 'INTERVALUNIT'
  if ('lambdaParameters' in argument) {
    return pattern.kind === 'LAMBDA' && pattern.parameters.length === argument.lambdaParameters
  }
  return acceptsType(pattern, argument, bindings, allowsCasts, false)
}

function acceptsType(
  pattern: Pattern,
  type: SqlType,
  bindings: Map<string, Binding>,
  allowsCasts: boolean,
  isInner: boolean,
): boolean {
  switch (pattern.kind) {
    case 'ANY':
      return true
    case 'plain':
      return equalTypes(type, pattern.type) || (allowsCasts && canCast(type, pattern.type.kind))
    case 'DECIMAL':
      return type.kind === 'DECIMAL' || (allowsCasts && canCast(type, 'DECIMAL'))
    case 'ARRAY':
      return (
        type.kind === 'ARRAY' &&
        acceptsType(pattern.element, type.element, bindings, allowsCasts, true)
      )
    case 'MAP':
      return (
        type.kind === 'MAP' &&
        acceptsType(pattern.key, type.key, bindings, allowsCasts, true) &&
        acceptsType(pattern.value, type.value, bindings, allowsCasts, true)
      )
    case 'variable':
      return bind(pattern.name, type, bindings, allowsCasts, isInner)
    default:
      return false
  }
}

/** Gives a variable its type. With casts, of two types of numbers it gets the wider one. */
function bind(
  name: string,
  type: SqlType,
  bindings: Map<string, Binding>,
  allowsCasts: boolean,
  isInner: boolean,
): boolean {
  const bound = bindings.get(name)
  if (bound === undefined || equalTypes(bound.type, type)) {
    bindings.set(name, { type, isInner: isInner || bound?.isInner === true })
    return true
  }
  if (!allowsCasts) return false
  if (!isInner && canCast(type, bound.type.kind)) return true
  if (bound.isInner || !canCast(bound.type, type.kind)) return false
  bindings.set(name, { type, isInner })
  return true
}

function canCast(from: SqlType, to: SqlType['kind']): boolean {
  if (from.kind === 'STRING') return TIMES.includes(to)
  const index = NUMBERS.indexOf(from.kind)
  return index >= 0 && index < NUMBERS.indexOf(to)
}

/** Types the lambdas of a candidate; returns undefined if the result of one does not fit. */
function complete<V extends Variant>(
  { variant, signature, bindings }: Candidate<V>,
  given: readonly Argument[],
  allowsCasts: boolean,
): Match<V> | undefined {
  const patterns = patternsFor(signature, given.length) ?? []
  const typed = (): Bindings => new Map([...bindings].map(([name, { type }]) => [name, type]))
  for (const [index, argument] of given.entries()) {
    const pattern = patterns[index]
    if (pattern?.kind !== 'LAMBDA' || !isLambda(argument)) continue
    const parameters = pattern.parameters.map((each) => typeOfPattern(each, typed()))
    if (!parameters.every((type) => type !== undefined)) return undefined
    const result = argument.typeOf(parameters)
    if (result !== null && !acceptsType(pattern.result, result, bindings, allowsCasts, false)) {
      return undefined
    }
  }
  const parameters = given.map((argument, index) => coercedType(patterns[index], argument, typed()))
  const returnType = (): SqlType => {
    if (variant.returns !== undefined) {
      // A NULL fits every DECIMAL, so it gets the narrowest.
      return variant.returns(parameters.map((type) => type ?? decimalOf(1, 0)))
    }
    const type = typeOfPattern(signature.result, typed())
    if (type === undefined) {
      throw new SqlError(
        `the type of ${variant.signature} is not known, because NULL has no type; use CAST(NULL AS ...)`,
      )
    }
    return type
  }
  return { variant, parameters, returnType }
}

function isLambda(argument: Argument): argument is LambdaArgument {
  return argument !== null && typeof argument === 'object' && 'lambdaParameters' in argument
}

function coercedType(
  pattern: Pattern | undefined,
  argument: Argument,
  bindings: Bindings,
): SqlType | null {
  if (pattern === undefined || argument === 'INTERVALUNIT') return null
  if (pattern.kind === 'LAMBDA') return typeOfPattern(pattern.result, bindings) ?? null
  if (argument !== null && !isLambda(argument)) {
    if (pattern.kind === 'ANY') return argument
    if (pattern.kind === 'DECIMAL') return decimalTypeOf(argument)
    if (pattern.kind === 'ARRAY' || pattern.kind === 'MAP') {
      return typeOfPattern(pattern, bindings) ?? argument
    }
  }
  return typeOfPattern(pattern, bindings) ?? null
}

function decimalTypeOf(type: SqlType): SqlType {
  if (type.kind === 'INTEGER') return DECIMAL_OF_INTEGER
  return type.kind === 'BIGINT' ? DECIMAL_OF_BIGINT : type
}

function showArguments(given: readonly Argument[]): string {
  const shown = given.map((argument) => {
    if (argument === null) return 'null'
    if (argument === 'INTERVALUNIT') return argument
    return isLambda(argument) ? 'LAMBDA' : showType(argument)
  })
  return `(${shown.join(', ')})`
}

function showVariants(called: {
  readonly name: string
  readonly variants: readonly Variant[]
}): string {
  return called.variants
    .map(({ signature }) => called.name + signature.slice(0, signature.lastIndexOf(' -> ')))
    .join('\n')
}
