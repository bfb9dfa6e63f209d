/** The places between characters at which a regular expression may demand to be. */
import { isWord } from './regexp-characters.ts'

export type Assertion =
  | 'begin'
  | 'end'
  | 'textBegin'
  | 'textEnd'
  | 'lastEnd'
  | 'boundary'
  | 'noBoundary'

const LINE_END = '\n\r\u0085\u2028\u2029'

export function holds(name: Assertion, text: string, index: number): boolean {
  switch (name) {
    case 'textBegin':
      return index === 0
    case 'textEnd':
      return index === text.length
    case 'lastEnd':
      return index === text.length || isLastLineEnd(text, index)
    case 'begin':
      return index < text.length && (index === 0 || isLineEnd(text, index - 1, index))
    case 'end':
      return index === text.length || isLineEnd(text, index, index)
    default: {
      const isBoundary = isWord(text.codePointAt(index)) !== isWord(text.codePointAt(index - 1))
      return isBoundary === (name === 'boundary')
    }
  }
}

/** Returns whether a line ends with the character at a place, and `index` is not between `\r` and `\n`. */
function isLineEnd(text: string, place: number, index: number): boolean {
  return LINE_END.includes(text.charAt(place)) && text.slice(index - 1, index + 1) !== '\r\n'
}

function isLastLineEnd(text: string, index: number): boolean {
  const rest = text.slice(index, index + 3)
  return (
    rest === '\r\n' || (rest.length === 1 && LINE_END.includes(rest) && text[index - 1] !== '\r')
  )
}
