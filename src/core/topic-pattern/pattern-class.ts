/** Reads the parts of a topic pattern that match one character: escapes, and classes in brackets. */
import {
  addAll,
  addRange,
  type CharacterSet,
  CLASS_ESCAPES,
  complement,
  emptySet,
  foldCase,
  POSIX_CLASSES,
} from './character-set.ts'
import type { PatternReader } from './pattern-reader.ts'

const CONTROL_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
])

/** Reads an escape such as `\d` or `\.`, with its backslash, and returns a set or one character. */
export function readEscape(reader: PatternReader): CharacterSet | string {
  const at = reader.position()
  reader.skip('\\')
  const letter = reader.next()
  if (letter === '') throw reader.failure('nothing follows the \\', at)
  const known = CLASS_ESCAPES.get(letter) ?? CONTROL_ESCAPES.get(letter)
  if (known !== undefined) return known
  if (/[1-9]/.test(letter)) throw reader.failure('a backreference is not supported', at)
  if (/[pP]/.test(letter)) throw reader.failure('a Unicode class is not supported', at)
  if (/[a-zA-Z0-9]/.test(letter)) {
    throw reader.failure(`the escape \\${letter} is not supported`, at)
  }
  return letter
}

/** Reads a class such as `[a-z]`, with its brackets. As in RE2 a `]` at its beginning is a literal. */
export function readClass(reader: PatternReader, ignoresCase: boolean): CharacterSet {
  reader.skip('[')
  const isNegated = reader.skip('^')
  const set = emptySet()
  for (let isFirst = true; isFirst || !reader.skip(']'); isFirst = false) {
    addItem(reader, set)
  }
  // Case is folded before the negation: case-insensitive [^a] matches neither a nor A.
  const folded = ignoresCase ? foldCase(set) : set
  return isNegated ? complement(folded) : folded
}

/** Reads one item of a class: `[:alpha:]`, `\d`, `a` or `a-z`. */
function addItem(reader: PatternReader, set: CharacterSet): void {
  const at = reader.position()
  const first = readPosixClass(reader) ?? readClassCharacter(reader)
  if (typeof first !== 'string') {
    addAll(set, first)
    return
  }
  // A - at the end of the class is a literal.
  const isRange = reader.isAt('-') && !reader.isAt('-]') && reader.skip('-')
  const last = isRange ? readClassCharacter(reader) : first
  if (typeof last !== 'string' || codeOf(first) > codeOf(last)) {
    throw reader.failure('an invalid range; it must go from one character up to another', at)
  }
  addRange(set, codeOf(first), codeOf(last))
}

function readPosixClass(reader: PatternReader): CharacterSet | null {
  const at = reader.position()
  const posix = reader.skipMatch(/\[:(\^?)(\w*):\]/y)
  if (posix === null) return null
  const named = POSIX_CLASSES.get(posix[2] ?? '')
  if (named === undefined) throw reader.failure(`the class ${posix[0]} is unknown`, at)
  return posix[1] === '^' ? complement(named) : named
}

function readClassCharacter(reader: PatternReader): CharacterSet | string {
  if (reader.isAtEnd()) throw reader.failure('a [ is not closed')
  return reader.isAt('\\') ? readEscape(reader) : reader.next()
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0
}
