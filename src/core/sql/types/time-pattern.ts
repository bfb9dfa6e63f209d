/** Patterns of dates and times: those of Java's `DateTimeFormatter`, with English names. Parsed here into tokens. */
import { EvaluationError } from '../errors.ts'
import { TIME_PATTERN_LENGTH_MAX, TIME_PATTERNS_MAX } from '../limits.ts'

/** Part of a time that a number shows. */
export type Field =
  | 'year'
  | 'yearOfEra'
  | 'weekYear'
  | 'month'
  | 'quarter'
  | 'week'
  | 'weekOfMonth'
  | 'day'
  | 'dayOfYear'
  | 'weekday'
  | 'hour'
  | 'hour12'
  | 'clockHour'
  | 'clockHour12'
  | 'half'
  | 'minute'
  | 'second'
  | 'nano'
  | 'milliOfDay'
  | 'nanoOfDay'
  | 'era'

export interface NumberToken {
  readonly kind: 'number'
  readonly field: Field
  readonly widthMin: number
  readonly widthMax: number
  /** Digits of numbers of fixed width that follow without a gap: they are left to those. */
  following: number
  /** Year of which two digits are shown. */
  readonly base?: number
  /** Shows `+` before a number that is wider than `widthMin`, and demands it in a text. */
  readonly isPadded?: boolean
}

export type Token =
  | NumberToken
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'name'; readonly field: Field; readonly names: readonly string[] }
  | { readonly kind: 'fraction'; readonly width: number }
  | { readonly kind: 'offset'; readonly letter: string; readonly count: number }
  | { readonly kind: 'zone'; readonly style: 'id' | 'short' | 'long' }
  | { readonly kind: 'optional'; readonly tokens: readonly Token[] }

const MONTHS =
  'January February March April May June July August September October November December'.split(' ')
const WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ')

/** Names by letter, then by count of letters from 3 (4 for `a` and `G` stands for their long form). */
const NAMES: Readonly<Record<string, { field: Field; styles: readonly (readonly string[])[] }>> = {
  M: { field: 'month', styles: [MONTHS.map((name) => name.slice(0, 3)), MONTHS, initials(MONTHS)] },
  E: {
    field: 'weekday',
    styles: [WEEKDAYS.map((name) => name.slice(0, 3)), WEEKDAYS, initials(WEEKDAYS)],
  },
  Q: {
    field: 'quarter',
    styles: [
      ['Q1', 'Q2', 'Q3', 'Q4'],
      ['1st quarter', '2nd quarter', '3rd quarter', '4th quarter'],
    ],
  },
  G: {
    field: 'era',
    styles: [
      ['BC', 'AD'],
      ['Before Christ', 'Anno Domini'],
    ],
  },
  a: { field: 'half', styles: [['AM', 'PM']] },
}

/** Fields that are numbers, with the most letters of their pattern. */
const NUMBERS: Readonly<Record<string, readonly [Field, number]>> = {
  M: ['month', 2],
  Q: ['quarter', 2],
  d: ['day', 2],
  D: ['dayOfYear', 3],
  e: ['weekday', 1],
  w: ['week', 2],
  W: ['weekOfMonth', 1],
  H: ['hour', 2],
  h: ['clockHour12', 2],
  K: ['hour12', 2],
  k: ['clockHour', 2],
  m: ['minute', 2],
  s: ['second', 2],
  n: ['nano', 19],
  A: ['milliOfDay', 19],
  N: ['nanoOfDay', 19],
}
const YEARS: Readonly<Record<string, Field>> = { y: 'yearOfEra', u: 'year', Y: 'weekYear' }
const NUMBER_WIDTH_MAX = 15

function initials(names: readonly string[]): string[] {
  return names.map((name) => name.slice(0, 1))
}

const patterns = new Map<string, readonly Token[]>()

/**
 * Returns the tokens of a pattern.
 *
 * @throws {EvaluationError} for a pattern that has none.
 */
export function timePattern(pattern: string): readonly Token[] {
  let tokens = patterns.get(pattern)
  if (tokens === undefined) {
    if (pattern.length > TIME_PATTERN_LENGTH_MAX) {
      throw new EvaluationError(
        `time pattern: has ${pattern.length} characters; at most ${TIME_PATTERN_LENGTH_MAX} are allowed`,
      )
    }
    tokens = parsePattern(pattern)
    if (patterns.size >= TIME_PATTERNS_MAX) patterns.clear()
    patterns.set(pattern, tokens)
  }
  return tokens
}

function parsePattern(pattern: string): Token[] {
  const outer: Token[][] = []
  let tokens: Token[] = []
  for (const [part] of pattern.matchAll(/'(?:[^']|'')*'?|([A-Za-z])\1*|[^A-Za-z']/gu)) {
    if (part === '[') {
      outer.push(tokens)
      tokens = []
    } else if (part === ']') {
      const enclosing = outer.pop()
      if (enclosing === undefined) refuse(pattern, "a ']' has no '['")
      enclosing.push({ kind: 'optional', tokens })
      tokens = enclosing
    } else {
      tokens.push(tokenOf(part, pattern))
    }
  }
  for (let enclosing = outer.pop(); enclosing !== undefined; enclosing = outer.pop()) {
    enclosing.push({ kind: 'optional', tokens })
    tokens = enclosing
  }
  return countFollowing(tokens)
}

function tokenOf(part: string, pattern: string): Token {
  const letter = part.slice(0, 1)
  if (letter === "'") {
    if (!/^'(?:[^']|'')*'$/.test(part)) refuse(pattern, 'a quote does not end')
    return { kind: 'literal', text: part === "''" ? "'" : part.slice(1, -1).replaceAll("''", "'") }
  }
  if (/[{}#]/.test(letter)) refuse(pattern, `'${letter}' is reserved; put it in quotes`)
  if (!/[A-Za-z]/.test(letter)) return { kind: 'literal', text: part }
  return letterToken(letter, part.length) ?? refuse(pattern, `'${part}' is not known`)
}

/** Returns the token of a letter that stands `count` times; undefined if there is none. */
function letterToken(written: string, count: number): Token | undefined {
  const letter = { L: 'M', q: 'Q', c: 'e' }[written] ?? written
  const year = YEARS[letter]
  if (year !== undefined) return yearToken(year, count)
  const number = NUMBERS[letter]
  if (number !== undefined && count <= number[1]) return numberToken(number[0], count, number[1])
  const names = NAMES[letter]
  if (names !== undefined) {
    const style = names.styles[letter === 'a' ? count - 1 : Math.max(0, count - 3)]
    return style && { kind: 'name', field: names.field, names: style }
  }
  if (letter === 'S') return count <= 9 ? { kind: 'fraction', width: count } : undefined
  if ('XxZO'.includes(letter)) {
    const isKnown = letter === 'O' ? count === 1 || count === 4 : count <= 5
    return isKnown ? { kind: 'offset', letter, count } : undefined
  }
  if (letter === 'V') return count === 2 ? { kind: 'zone', style: 'id' } : undefined
  if (letter === 'z' && count <= 4) return { kind: 'zone', style: count === 4 ? 'long' : 'short' }
  return undefined
}

function yearToken(field: Field, count: number): Token | undefined {
  if (count > NUMBER_WIDTH_MAX) return undefined
  if (count === 2)
    return { kind: 'number', field, widthMin: 2, widthMax: 2, following: 0, base: 2000 }
  const isPadded = count >= 4
  return {
    kind: 'number',
    field,
    widthMin: count,
    widthMax: NUMBER_WIDTH_MAX,
    following: 0,
    isPadded,
  }
}

function numberToken(field: Field, count: number, lettersMax: number): Token {
  const widthMax = count === 1 || lettersMax > 3 ? NUMBER_WIDTH_MAX : lettersMax
  return { kind: 'number', field, widthMin: count, widthMax, following: 0 }
}

/** Gives each number of variable width the digits of those that follow it directly. */
function countFollowing(tokens: Token[]): Token[] {
  let following = 0
  for (const token of [...tokens].reverse()) {
    if (token.kind === 'optional') countFollowing([...token.tokens])
    const isFixed = token.kind === 'number' && token.widthMin === token.widthMax
    if (token.kind === 'number' && !isFixed) token.following = following
    if (token.kind === 'fraction') following += token.width
    else following = isFixed ? following + token.widthMin : 0
  }
  return tokens
}

function refuse(pattern: string, reason: string): never {
  throw new EvaluationError(
    `time pattern: '${pattern}' cannot be read: ${reason}; use the letters of Java's DateTimeFormatter, such as 'yyyy-MM-dd HH:mm:ss.SSS'`,
  )
}
