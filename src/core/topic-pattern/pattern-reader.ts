/** A cursor over the text of a topic pattern. */
import { EdgelogError } from '../errors.ts'

export interface PatternReader {
  /** Returns whether the rest of the text begins with `text`. */
  isAt(text: string): boolean
  isAtEnd(): boolean
  position(): number
  /** Reads `text` if it is next; returns whether it was. */
  skip(text: string): boolean
  /** Reads the match at the current position; `expression` is sticky. */
  skipMatch(expression: RegExp): RegExpExecArray | null
  /** Reads one character, a whole code point; '' at the end. */
  next(): string
  /** Returns an `invalid_regular_expression` error for position `at`, to be thrown by the caller. */
  failure(what: string, at?: number): EdgelogError
}

export function createPatternReader(text: string, field: string): PatternReader {
  let index = 0
  const isAt = (expected: string) => text.startsWith(expected, index)
  return {
    isAt,
    isAtEnd: () => index === text.length,
    position: () => index,
    skip(expected) {
      const isThere = isAt(expected)
      if (isThere) index += expected.length
      return isThere
    },
    skipMatch(expression) {
      expression.lastIndex = index
      const match = expression.exec(text)
      if (match !== null) index += match[0].length
      return match
    },
    next() {
      const codePoint = text.codePointAt(index)
      const character = codePoint === undefined ? '' : String.fromCodePoint(codePoint)
      index += character.length
      return character
    },
    failure: (what, at = index) =>
      new EdgelogError(
        'invalid_regular_expression',
        `${field}: ${what} at character ${at + 1} of the pattern`,
      ),
  }
}
