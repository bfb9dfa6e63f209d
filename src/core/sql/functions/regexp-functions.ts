/** Functions of regular expressions; their syntax is Java's. */
import { EvaluationError } from '../errors.ts'
import type { Value } from '../types/value.ts'
import { scalar, variant } from './define.ts'
import type { ScalarFunction } from './function.ts'
import { type Regexp, type RegexpMatch, regexpOf } from './regexp.ts'
import { checkElements, checkLength } from './result-limits.ts'

export const REGEXP_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'REGEXP_EXTRACT',
    'Returns what a regular expression, or one of its groups, matches first in a text.',
    variant('(STRING, STRING) -> STRING', extract),
    variant('(STRING, STRING, INTEGER) -> STRING', extract),
  ),
  scalar(
    'REGEXP_EXTRACT_ALL',
    'Returns all that a regular expression, or one of its groups, matches in a text.',
    variant('(STRING, STRING) -> ARRAY<STRING>', extractAll),
    variant('(STRING, STRING, INTEGER) -> ARRAY<STRING>', extractAll),
  ),
  scalar(
    'REGEXP_REPLACE',
    'Replaces all that a regular expression matches in a text; $1 is what the first group matched.',
    variant('(STRING, STRING, STRING) -> STRING', replace),
  ),
  scalar(
    'REGEXP_SPLIT_TO_ARRAY',
    'Splits a text where a regular expression matches.',
    variant('(STRING, STRING) -> ARRAY<STRING>', split),
  ),
]

function extract(pattern: string, text: string, group = 0): string | null {
  const regexp = regexpOf(pattern)
  if (group < 0 || group > regexp.groupCount) return null
  for (const { groups } of regexp.matches(text)) return groups[group] ?? null
  return null
}

function extractAll(pattern: string, text: string, group = 0): Value[] | null {
  const regexp = regexpOf(pattern)
  if (group < 0 || group > regexp.groupCount) return null
  const found: Value[] = []
  for (const { groups } of regexp.matches(text)) {
    found.push(groups[group] ?? null)
    checkElements('REGEXP_EXTRACT_ALL', found.length)
  }
  return found
}

function replace(text: string, pattern: string, replacement: string): string {
  const regexp = regexpOf(pattern)
  const references = replacement.split('$').length - 1
  let replaced = ''
  let last = 0
  for (const match of regexp.matches(text)) {
    // A reference stands for at most what was matched.
    const sizeMax = replacement.length + references * (match.to - match.from)
    checkLength('REGEXP_REPLACE', replaced.length + match.from - last + sizeMax)
    replaced += text.slice(last, match.from) + expand(replacement, match, regexp)
    last = match.to
  }
  checkLength('REGEXP_REPLACE', replaced.length + text.length - last)
  return replaced + text.slice(last)
}

/** Returns a replacement with what the groups matched: `$1`, `${name}`; a backslash takes away the meaning of `$`. */
function expand(
  replacement: string,
  { groups }: RegexpMatch,
  { names, groupCount }: Regexp,
): string {
  return replacement.replace(
    /\\([\s\S])|\$(?:(\d)(\d*)|\{(\w+)\})|\$|\\/g,
    (whole, escaped, digit, more, name) => {
      if (escaped !== undefined) return escaped
      if (name !== undefined && names.has(name)) return groups[names.get(name) ?? 0] ?? ''
      if (digit === undefined || Number(digit) > groupCount) {
        throw new EvaluationError(
          `REGEXP_REPLACE: '${whole}' in the replacement is no group; write \\$ for a dollar sign`,
        )
      }
      // As many digits belong to the number as there are groups.
      let digits: string = digit
      while (
        digits.length <= more.length &&
        Number(digits + more[digits.length - 1]) <= groupCount
      ) {
        digits += more[digits.length - 1]
      }
      return (groups[Number(digits)] ?? '') + more.slice(digits.length - 1)
    },
  )
}

function split(text: string, pattern: string): string[] {
  const regexp = regexpOf(pattern)
  const parts: string[] = []
  let last = 0
  for (const { from, to } of regexp.matches(text)) {
    // A match without characters splits between characters only.
    if (to === from && (from === 0 || from >= text.length)) continue
    parts.push(text.slice(last, from))
    checkElements('REGEXP_SPLIT_TO_ARRAY', parts.length)
    last = to
  }
  return [...parts, text.slice(last)]
}
