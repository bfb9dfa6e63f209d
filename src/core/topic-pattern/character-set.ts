/** Sets of the characters that topic names can contain: ASCII. Other characters are in no set, and match nothing. */

const ASCII_SIZE = 128
const LETTER = /[a-zA-Z]/

/** One byte per character: 1 if it is in the set. */
export type CharacterSet = Uint8Array

export function emptySet(): CharacterSet {
  return new Uint8Array(ASCII_SIZE)
}

/** Returns the characters from the first to the second of each pair: `'az', '__'` is a small letter or _. */
function rangesSet(...ranges: readonly string[]): CharacterSet {
  const set = emptySet()
  for (const range of ranges) addRange(set, range.charCodeAt(0), range.charCodeAt(1))
  return set
}

/** Adds the characters from `first` to `last`, both included, without those that are not ASCII. */
export function addRange(set: CharacterSet, first: number, last: number): void {
  set.fill(1, Math.min(first, ASCII_SIZE), Math.min(last + 1, ASCII_SIZE))
}

export function addAll(set: CharacterSet, others: CharacterSet): void {
  for (const [code, isIn] of others.entries()) if (isIn === 1) set[code] = 1
}

export function complement(set: CharacterSet): CharacterSet {
  return set.map((isIn) => 1 - isIn)
}

/** Returns the set with both cases of each letter. */
export function foldCase(set: CharacterSet): CharacterSet {
  const folded = set.slice()
  for (const [code, isIn] of set.entries()) {
    if (isIn === 1 && LETTER.test(String.fromCharCode(code))) folded[code ^ 0x20] = 1
  }
  return folded
}

const DIGIT = rangesSet('09')
const WORD = rangesSet('09', 'AZ', 'az', '__')
const SPACE = rangesSet('\t\n', '\f\r', '  ')

export const ANY_CHARACTER = complement(rangesSet('\n\n'))

/** Sets of `\d` and similar escapes. */
export const CLASS_ESCAPES: ReadonlyMap<string, CharacterSet> = new Map([
  ['d', DIGIT],
  ['D', complement(DIGIT)],
  ['w', WORD],
  ['W', complement(WORD)],
  ['s', SPACE],
  ['S', complement(SPACE)],
])

/** Sets of `[:alpha:]` and similar names within a class. */
export const POSIX_CLASSES: ReadonlyMap<string, CharacterSet> = new Map([
  ['alnum', rangesSet('09', 'AZ', 'az')],
  ['alpha', rangesSet('AZ', 'az')],
  ['ascii', rangesSet('\0\x7f')],
  ['blank', rangesSet('\t\t', '  ')],
  ['cntrl', rangesSet('\0\x1f', '\x7f\x7f')],
  ['digit', DIGIT],
  ['graph', rangesSet('!~')],
  ['lower', rangesSet('az')],
  ['print', rangesSet(' ~')],
  ['punct', rangesSet('!/', ':@', '[`', '{~')],
  ['space', rangesSet('\t\r', '  ')],
  ['upper', rangesSet('AZ')],
  ['word', WORD],
  ['xdigit', rangesSet('09', 'AF', 'af')],
])
