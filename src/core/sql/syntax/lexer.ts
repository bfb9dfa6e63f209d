/** Cuts the text of statements into tokens. */
import { SqlError, type SqlPosition, SqlSyntaxError } from '../errors.ts'
import { STATEMENTS_LENGTH_MAX } from '../limits.ts'

export type TokenKind =
  /** A keyword or a name without quotes; `text` is in upper case. */
  | 'word'
  /** A name in quotes; `text` is without them. */
  | 'quoted'
  | 'string'
  | 'integer'
  | 'decimal'
  | 'float'
  | 'symbol'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** As it was written. */
  readonly raw: string
  readonly at: SqlPosition
  /** Where its text begins and ends in the statements. */
  readonly from: number
  readonly to: number
}

/**
 * Variables of a session by name. In `${name}` the value replaces the name before the text is parsed; `$${` stands for
 * `${`.
 */
export type Variables = ReadonlyMap<string, string>

const SPACE = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)+/y
const TOKEN = new RegExp(
  [
    '(?<float>(?:\\d+(?:\\.\\d*)?|\\.\\d+)[eE][+-]?\\d+)(?![\\p{L}_@])',
    // A name may begin with digits: 1R.
    '(?<word>\\d*[\\p{L}_@][\\p{L}\\p{N}_@]*)',
    '(?<decimal>\\d+\\.\\d*|\\.\\d+)',
    '(?<integer>\\d+)',
    "(?<string>'(?:[^']|'')*')",
    '(?<quoted>`(?:[^`]|``)*`|"(?:[^"]|"")*")',
    // A variable is replaced before a statement is parsed.
    '(?<symbol>\\$?\\$\\{[^}]*\\}|<>|!=|<=|>=|:=|->|=>|\\|\\||[-+*/%=<>()\\[\\].,;:?])',
  ].join('|'),
  'uy',
)
const KINDS = ['word', 'float', 'decimal', 'integer', 'string', 'quoted', 'symbol'] as const

/**
 * Returns the tokens of a text; the last one is of the kind `end`.
 *
 * @throws {SqlSyntaxError} for a character, or an open quote or comment, that no token has.
 */
export function tokenize(text: string): Token[] {
  if (text.length > STATEMENTS_LENGTH_MAX) {
    const why = `statements: ${text.length} characters; at most ${STATEMENTS_LENGTH_MAX} are allowed`
    throw new SqlError(why)
  }
  const positions = new Positions(text)
  const tokens: Token[] = []
  let at = skipSpace(text, 0)
  while (at < text.length) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) throw unexpected(text, at, positions.of(at))
    const to = TOKEN.lastIndex
    const kind = KINDS.find((one) => match.groups?.[one] !== undefined) ?? 'symbol'
    const [raw] = match
    tokens.push({ kind, text: unquoted(kind, raw), raw, at: positions.of(at), from: at, to })
    at = skipSpace(text, to)
  }
  const end = { kind: 'end', text: '', raw: '' } as const
  tokens.push({ ...end, at: positions.of(text.length), from: at, to: at })
  return tokens
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at
  return SPACE.test(text) ? SPACE.lastIndex : at
}

function unquoted(kind: TokenKind, text: string): string {
  if (kind === 'word') return text.toUpperCase()
  if (kind === 'symbol' && text === '!=') return '<>'
  if (kind !== 'string' && kind !== 'quoted') return text
  const quote = text[0] as string
  return text.slice(1, -1).replaceAll(quote + quote, quote)
}

function unexpected(text: string, at: number, position: SqlPosition): SqlSyntaxError {
  const rest = text.slice(at, at + 20)
  const open = { "'": 'string', '`': 'quoted name', '"': 'quoted name' }[rest[0] as string]
  if (open !== undefined)
    return new SqlSyntaxError(`Syntax Error: the ${open} has no end`, position)
  if (rest.startsWith('/*')) {
    return new SqlSyntaxError('Syntax Error: the comment has no end', position)
  }
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))
  return new SqlSyntaxError(`Syntax Error: ${found} is not part of any statement`, position)
}

/** Lines and columns of places in a text, which are asked for in their order. */
class Positions {
  readonly #text: string
  #line = 1
  #lineStart = 0
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  of(at: number): SqlPosition {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#at)
      if (end === -1 || end >= at) break
      this.#line++
      this.#at = end + 1
      this.#lineStart = end + 1
    }
    return { line: this.#line, column: at - this.#lineStart + 1 }
  }
}

const VARIABLE = /\$?\$\{([^}]*)\}/g

/**
 * Puts the values of variables into a text.
 *
 * @throws {SqlError} for a variable that is not defined.
 */
export function substituteVariables(text: string, variables: Variables): string {
  return text.replace(VARIABLE, (found, given: string) => {
    if (found.startsWith('$$')) return found.slice(1)
    const name = given.trim().toUpperCase()
    const value = variables.get(name)
    if (value !== undefined) return value
    throw new SqlError(`variable ${given}: is not defined; DEFINE ${given} = '...' defines it`)
  })
}
