/** The text of signatures: `(ARRAY<T>, LAMBDA(T) -> U) -> ARRAY<U>`. */
import { arrayOf, mapOf, type PlainKind, type SqlType } from '../types/sql-type.ts'

/** The type of a parameter, as a signature writes it. */
export type Pattern =
  | { readonly kind: 'plain'; readonly type: SqlType }
  | { readonly kind: 'DECIMAL' | 'ANY' | 'INTERVALUNIT' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'ARRAY'; readonly element: Pattern }
  | { readonly kind: 'MAP'; readonly key: Pattern; readonly value: Pattern }
  | { readonly kind: 'LAMBDA'; readonly parameters: readonly Pattern[]; readonly result: Pattern }

export interface Signature {
  readonly parameters: readonly Pattern[]
  /** Index of the parameter that stands for any number of arguments; -1 if there is none. */
  readonly variadic: number
  readonly result: Pattern
}

/** Types of the variables of a signature. */
export type Bindings = ReadonlyMap<string, SqlType>

const TOKEN = /[A-Z]+|\.\.\.|->|[(),<>]/g
const signatures = new Map<string, Signature>()

/** Returns a signature; each text is parsed once. Texts are those of the tables of functions, so they are few. */
export function signatureOf(text: string): Signature {
  let signature = signatures.get(text)
  if (signature === undefined) {
    signature = new SignatureParser(text).parse()
    signatures.set(text, signature)
  }
  return signature
}

class SignatureParser {
  private readonly text: string
  private readonly tokens: readonly string[]
  private index = 0

  constructor(text: string) {
    this.text = text
    this.tokens = text.match(TOKEN) ?? []
  }

  parse(): Signature {
    const parameters: Pattern[] = []
    let variadic = -1
    this.take('(')
    while (!this.skip(')')) {
      parameters.push(this.pattern())
      if (this.skip('...')) variadic = parameters.length - 1
      this.skip(',')
    }
    this.take('->')
    return { parameters, variadic, result: this.pattern() }
  }

  private pattern(): Pattern {
    const name = this.tokens[this.index++] ?? ''
    switch (name) {
      case 'DECIMAL':
      case 'ANY':
      case 'INTERVALUNIT':
        return { kind: name }
      case 'ARRAY': {
        this.take('<')
        const element = this.pattern()
        this.take('>')
        return { kind: 'ARRAY', element }
      }
      case 'MAP': {
        this.take('<')
        const key = this.pattern()
        this.take(',')
        const value = this.pattern()
        this.take('>')
        return { kind: 'MAP', key, value }
      }
      case 'LAMBDA':
        return this.lambda()
      default:
        if (name.length === 1) return { kind: 'variable', name }
        return { kind: 'plain', type: { kind: name as PlainKind } }
    }
  }

  private lambda(): Pattern {
    const parameters: Pattern[] = []
    this.take('(')
    while (!this.skip(')')) {
      parameters.push(this.pattern())
      this.skip(',')
    }
    this.take('->')
    return { kind: 'LAMBDA', parameters, result: this.pattern() }
  }

  private skip(token: string): boolean {
    if (this.tokens[this.index] !== token) return false
    this.index++
    return true
  }

  private take(token: string): void {
    if (!this.skip(token)) throw new Error(`the signature ${this.text} lacks ${token}`)
  }
}

export function hasVariables(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case 'variable':
    case 'ANY':
      return true
    case 'ARRAY':
      return hasVariables(pattern.element)
    case 'MAP':
      return hasVariables(pattern.key) || hasVariables(pattern.value)
    case 'LAMBDA':
      return true
    default:
      return false
  }
}

/** Returns the type that a pattern stands for; undefined if it has a variable without type, or no type at all. */
export function typeOfPattern(pattern: Pattern, bindings: Bindings): SqlType | undefined {
  switch (pattern.kind) {
    case 'plain':
      return pattern.type
    case 'variable':
      return bindings.get(pattern.name)
    case 'ARRAY': {
      const element = typeOfPattern(pattern.element, bindings)
      return element && arrayOf(element)
    }
    case 'MAP': {
      const key = typeOfPattern(pattern.key, bindings)
      const value = typeOfPattern(pattern.value, bindings)
      return key && value && mapOf(key, value)
    }
    default:
      return undefined
  }
}
