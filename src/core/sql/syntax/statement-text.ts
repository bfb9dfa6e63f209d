/** Cuts a text into statements. */
import { SqlError } from '../errors.ts'
import { STATEMENTS_MAX } from '../limits.ts'
import { Cursor, type TypeLookup } from './cursor.ts'
import { type Token, tokenize } from './lexer.ts'

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

/** Parses all tokens of a statement by one rule. @throws {SqlSyntaxError} if there are more. */
export function parseWhole<T>(
  { tokens }: StatementText,
  typeOf: TypeLookup,
  parse: (cursor: Cursor) => T,
): T {
  const cursor = new Cursor(tokens, typeOf)
  const parsed = parse(cursor)
  cursor.expectEnd()
  return parsed
}
