/** A position in a JSON text that `JSON.parse` has accepted as valid. */

const TAB = 0x09
const LINE_FEED = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const PARTS_MAX = 4_096

export class JsonCursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Skips white space and returns the character behind it. */
  peek(): string {
    this.#skipSpace()
    return this.#text.charAt(this.#at)
  }

  /** Skips white space and the next character. */
  skipToken(): void {
    this.#skipSpace()
    this.#at++
  }

  /** Skips white space, and a comma if it is next. */
  skipComma(): void {
    this.#skipSpace()
    if (this.#text.charCodeAt(this.#at) === COMMA) this.#at++
  }

  /** Reads the string at the current position. */
  string(): string {
    const from = this.#at
    this.skipString()
    const source = this.#text.slice(from + 1, this.#at - 1)
    return source.includes('\\') ? JSON.parse(`"${source}"`) : source
  }

  skipString(): void {
    let end = this.#at
    do end = this.#text.indexOf('"', end + 1)
    while (this.#isEscaped(end))
    this.#at = end + 1
  }

  /** Reads the number or the literal at the current position, unchanged. */
  scalar(): string {
    const from = this.#at
    while (this.#at < this.#text.length && !isDelimiter(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#text.slice(from, this.#at)
  }

  /** Reads the value at the current position, without the white space between its tokens. */
  compactValue(): string {
    const joined: string[] = []
    const parts: string[] = []
    let from = this.#at
    let depth = 0
    do {
      const code = this.#text.charCodeAt(this.#at)
      if (isSpace(code)) {
        // A part takes more memory than its characters, so the number of parts is limited.
        if (parts.push(this.#text.slice(from, this.#at)) === PARTS_MAX) {
          joined.push(parts.splice(0).join(''))
        }
        this.#skipSpace()
        from = this.#at
      } else if (code === QUOTE) {
        this.skipString()
      } else {
        if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
        else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
        this.#at++
      }
    } while (depth > 0)
    return joined.concat(parts, this.#text.slice(from, this.#at)).join('')
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  /** Returns whether a quote follows an odd number of backslashes, and so does not end its string. */
  #isEscaped(quote: number): boolean {
    let first = quote
    while (this.#text.charCodeAt(first - 1) === BACKSLASH) first--
    return (quote - first) % 2 === 1
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || code === LINE_FEED || code === RETURN || code === TAB
}

function isDelimiter(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code)
}
