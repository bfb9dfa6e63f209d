/** A place among the tokens of one statement. It remembers what could have stood there, for errors. */
import { type SqlPosition, SqlSyntaxError } from '../errors.ts'
import { NESTING_MAX } from '../limits.ts'
import { nearestName } from '../nearest-name.ts'
import type { SqlType } from '../types/sql-type.ts'
import { RESERVED } from './keywords.ts'
import type { Token } from './lexer.ts'

/** Finds the type that CREATE TYPE gave a name. */
export type TypeLookup = (name: string) => SqlType | undefined

export class Cursor {
  readonly #tokens: readonly Token[]
  readonly typeOf: TypeLookup
  #at = 0
  #depth = 0
  #expected = new Set<string>()

  /** @param tokens Those of one statement; the last is of the kind `end`. */
  constructor(tokens: readonly Token[], typeOf: TypeLookup) {
    this.#tokens = tokens
    this.typeOf = typeOf
  }

  get token(): Token {
    return this.#tokens[this.#at] as Token
  }

  get at(): SqlPosition {
    return this.token.at
  }

  /** Returns the token at a distance; the last one if there are no more. */
  peek(distance: number): Token {
    return this.#tokens[Math.min(this.#at + distance, this.#tokens.length - 1)] as Token
  }

  /** Returns whether the token at a distance is one of these words or symbols, and not a name in quotes. */
  isNext(distance: number, ...texts: readonly string[]): boolean {
    const token = this.peek(distance)
    return texts.some((text) => isText(token, text))
  }

  next(): Token {
    const { token } = this
    if (token.kind !== 'end') this.#at++
    this.#expected.clear()
    return token
  }

  /** Goes back to a place that `mark` returned. */
  rewind(mark: number): void {
    this.#at = mark
    this.#expected.clear()
  }

  mark(): number {
    return this.#at
  }

  /** Returns whether the next tokens are these words or symbols; notes that they could have been. */
  isAt(...texts: readonly string[]): boolean {
    const fits = texts.every((text, index) => isText(this.peek(index), text))
    if (!fits) this.#expected.add(texts.join(' '))
    return fits
  }

  /** Moves behind the given words or symbols if they are next. */
  accept(...texts: readonly string[]): boolean {
    if (!this.isAt(...texts)) return false
    for (const _ of texts) this.next()
    return true
  }

  /** Moves behind the one of the words that is next, and returns it. */
  acceptOne<Word extends string>(words: readonly Word[]): Word | undefined {
    return words.find((word) => this.accept(word))
  }

  expect(...texts: readonly string[]): void {
    for (const text of texts) if (!this.accept(text)) throw this.unexpected()
  }

  expectOne<Word extends string>(words: readonly Word[]): Word {
    const word = this.acceptOne(words)
    if (word === undefined) throw this.unexpected()
    return word
  }

  /** Returns whether a name is next. */
  isAtName(what = 'a name'): boolean {
    const { kind, text } = this.token
    const fits = kind === 'quoted' || (kind === 'word' && !RESERVED.has(text))
    if (!fits) this.#expected.add(what)
    return fits
  }

  name(what?: string): string {
    if (!this.isAtName(what)) throw this.unexpected()
    return this.next().text
  }

  string(what = 'a string in single quotes'): string {
    return this.#ofKind('string', what)
  }

  integer(): number {
    const text = this.#ofKind('integer', 'a whole number')
    return Number(text)
  }

  #ofKind(kind: Token['kind'], what: string): string {
    if (this.token.kind === kind) return this.next().text
    this.#expected.add(what)
    throw this.unexpected()
  }

  /** Notes a thing that could have been next. */
  couldBe(what: string): void {
    this.#expected.add(what)
  }

  /** Parses a part that may contain parts of its own kind. */
  nested<T>(parse: () => T): T {
    if (this.#depth === NESTING_MAX) {
      throw new SqlSyntaxError(
        `Syntax Error: nested too deep; at most ${NESTING_MAX} levels are allowed`,
        this.at,
      )
    }
    this.#depth++
    try {
      return parse()
    } finally {
      this.#depth--
    }
  }

  /** Parses items with commas between them. */
  list<T>(parse: () => T): T[] {
    const items = [parse()]
    while (this.accept(',')) items.push(parse())
    return items
  }

  expectEnd(): void {
    if (this.token.kind === 'end') return
    this.#expected.add('the end of the statement')
    throw this.unexpected()
  }

  /** Returns the error of a token that may not stand here. */
  unexpected(): SqlSyntaxError {
    const { token } = this
    const expected = [...this.#expected].filter((text) => text !== '')
    const found = shown(token)
    const allowed = expected.length === 0 ? '' : `; expected ${listed(expected.slice(0, 12))}`
    const near = token.kind === 'word' ? nearestName(token.text, expected) : undefined
    const hint = near === undefined ? '' : `. Did you mean ${near}?`
    return new SqlSyntaxError(`Syntax Error: found ${found}${allowed}${hint}`, token.at)
  }
}

function isText({ kind, text }: Token, wanted: string): boolean {
  return (kind === 'word' || kind === 'symbol') && text === wanted
}

function shown({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the statement'
  const short = text.length > 40 ? `${text.slice(0, 40)}...` : text
  return kind === 'string' ? `'${short}'` : short
}

function listed(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string
  return `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}
