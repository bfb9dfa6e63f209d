/** Functions of texts; those that also take bytes are in `bytes-functions.ts`. */
import { EvaluationError } from '../errors.ts'
import type { Value } from '../types/value.ts'
import { bound, nullable, scalar, variant } from './define.ts'
import type { FunctionVariant, ScalarFunction } from './function.ts'
import { md5 } from './md5.ts'
import { joinTexts } from './result-limits.ts'

/** Characters that stand for upper case, lower case, digits and others; null leaves them as they are. */
type Masks = readonly (string | null)[]

const MASKS: Masks = ['X', 'x', 'n', '-']
/** The kinds of characters that have a mask of their own; the last mask is for all others. */
const MASKED = [/\p{Lu}/u, /\p{Ll}/u, /\p{Nd}/u]
const MAX_CODE_POINT = 0x10ffff
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

export const TEXT_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'CHR',
    'Returns the character with a code, or with an escape such as \\u004b.',
    variant('(INTEGER) -> STRING', (code: number) =>
      code < 0 || code > MAX_CODE_POINT ? null : String.fromCodePoint(code),
    ),
    variant('(STRING) -> STRING', characterOfEscape),
  ),
  scalar(
    'ELT',
    'Returns the text at a position, the first having position 1; NULL if there is none.',
    nullable('(INTEGER, STRING...) -> STRING', (position: number | null, ...texts: Value[]) =>
      position === null ? null : (texts[position - 1] ?? null),
    ),
  ),
  scalar(
    'FIELD',
    'Returns the position of a text among those that follow, the first being 1; 0 if it is not there.',
    nullable('(STRING, STRING...) -> INTEGER', (text: string | null, ...texts: Value[]) =>
      text === null ? 0 : texts.indexOf(text) + 1,
    ),
  ),
  scalar(
    'INITCAP',
    'Returns the text with the first letter of each word in upper case and the others in lower case.',
    variant('(STRING) -> STRING', (text: string) =>
      text
        .toLowerCase()
        .replace(/(^|\s)(\S)/gu, (_, space, letter) => space + letter.toUpperCase()),
    ),
  ),
  scalar(
    'INSTR',
    'Returns the position of a text within another; 0 if it is not there.',
    ...instrVariants(),
  ),
  scalar(
    'LCASE',
    'Returns the text in lower case.',
    variant('(STRING) -> STRING', (text: string) => text.toLowerCase()),
  ),
  scalar(
    'UCASE',
    'Returns the text in upper case.',
    variant('(STRING) -> STRING', (text: string) => text.toUpperCase()),
  ),
  scalar(
    'MASK',
    'Returns the text with other characters in place of its own.',
    ...maskAllVariants(),
  ),
  scalar(
    'MASK_KEEP_LEFT',
    'Masks all but the first characters.',
    ...maskVariants('MASK_KEEP_LEFT', (length, count) => [count, length]),
  ),
  scalar(
    'MASK_KEEP_RIGHT',
    'Masks all but the last characters.',
    ...maskVariants('MASK_KEEP_RIGHT', (length, count) => [0, length - count]),
  ),
  scalar(
    'MASK_LEFT',
    'Masks the first characters.',
    ...maskVariants('MASK_LEFT', (_length, count) => [0, count]),
  ),
  scalar(
    'MASK_RIGHT',
    'Masks the last characters.',
    ...maskVariants('MASK_RIGHT', (length, count) => [length - count, length]),
  ),
  scalar('MD5', 'Returns the MD5 hash of a text as hex.', variant('(STRING) -> STRING', md5)),
  scalar(
    'REPLACE',
    'Replaces each occurrence of a text.',
    variant('(STRING, STRING, STRING) -> STRING', (text: string, old: string, other: string) =>
      old === '' ? text : joinTexts('REPLACE', text.split(old), other),
    ),
  ),
  scalar(
    'SPLIT_TO_MAP',
    'Returns a map of the entries of a text such as a=1,b=2, given what is between entries and within them.',
    variant('(STRING, STRING, STRING) -> MAP<STRING, STRING>', splitToMap),
  ),
  scalar(
    'TRIM',
    'Returns the text without white space at its ends.',
    variant('(STRING) -> STRING', trim),
  ),
  scalar(
    'UUID',
    'Returns a random UUID, or the one of 16 bytes.',
    bound('() -> STRING', (_parameters, _returns, { random }) => () => {
      const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256))
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
      return uuidOf(bytes)
    }),
    variant('(BYTES) -> STRING', (bytes: Uint8Array) =>
      bytes.length === 16 ? uuidOf(bytes) : null,
    ),
  ),
]

/** Returns the text without control characters and spaces at its ends, as in Java. */
function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && text.charCodeAt(from) <= 0x20) from++
  while (from < to && text.charCodeAt(to - 1) <= 0x20) to--
  return text.slice(from, to)
}

function characterOfEscape(text: string): string | null {
  if (!/^\\u+[\da-f]{4}/i.test(text)) return null
  return text.replace(
    /\\(?:u+([\da-f]{4})|(.))/gis,
    (_, code: string | undefined, letter: string) =>
      code === undefined
        ? (ESCAPES[letter] ?? letter)
        : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function instrVariants(): FunctionVariant[] {
  return [
    nullable('(STRING, STRING) -> INTEGER', instr),
    nullable('(STRING, STRING, INTEGER) -> INTEGER', instr),
    nullable('(STRING, STRING, INTEGER, INTEGER) -> INTEGER', instr),
  ]
}

function instr(
  text: string | null,
  part: string | null,
  position: number | null = 1,
  occurrence: number | null = 1,
): number | null {
  if (text === null || part === null) return 0
  if (position === null || occurrence === null) return null
  if (position === 0 || occurrence < 1 || Math.abs(position) > text.length) return 0
  const isBackward = position < 0
  if (part === '') return isBackward ? text.length + position + 1 : position
  let index = isBackward ? text.length + position - part.length + 2 : position - 2
  for (let count = 0; count < occurrence; count++) {
    if (isBackward && index <= 0) return 0
    index = isBackward ? text.lastIndexOf(part, index - 1) : text.indexOf(part, index + 1)
    if (index === -1) return 0
  }
  return index + 1
}

function splitToMap(
  text: string,
  entries: string,
  values: string,
): ReadonlyMap<Value, Value> | null {
  if (entries === '' || values === '') return null
  const map = new Map<Value, Value>()
  for (const entry of text.split(entries)) {
    const [key, value] = entry.split(values)
    if (key !== undefined && value !== undefined) map.set(key, value)
  }
  return map
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function maskAllVariants(): FunctionVariant[] {
  const call = (text: string | null, ...given: Masks): string | null =>
    text === null ? null : mask(text, 0, text.length, given)
  return [
    nullable('(STRING) -> STRING', call),
    nullable('(STRING, STRING, STRING, STRING, STRING) -> STRING', call),
  ]
}

/** Returns the variants of a function that masks a part of a text; `range` gives its first and last position. */
function maskVariants(
  name: string,
  range: (length: number, count: number) => readonly [number, number],
): FunctionVariant[] {
  const call = (text: string | null, count: number | null, ...given: Masks): string | null => {
    if (count === null || count < 0) {
      throw new EvaluationError(
        `${name}: ${count} is not a number of characters; 0 and more are allowed`,
      )
    }
    if (text === null) return null
    const [from, to] = range(text.length, Math.min(count, text.length))
    return mask(text, from, to, given)
  }
  return [
    nullable('(STRING, INTEGER) -> STRING', call),
    nullable('(STRING, INTEGER, STRING, STRING, STRING, STRING) -> STRING', call),
  ]
}

function mask(text: string, from: number, to: number, given: Masks): string {
  const masks = given.length === 0 ? MASKS : given
  const bad = masks.find((each) => each !== null && each.length !== 1)
  if (bad !== undefined) {
    throw new EvaluationError(
      `Invalid mask character. Must be only single character, but was '${bad}'`,
    )
  }
  const masked = text.slice(from, to).replace(/./gsu, (character) => {
    return masks.at(MASKED.findIndex((kind) => kind.test(character))) ?? character
  })
  return text.slice(0, from) + masked + text.slice(to)
}
