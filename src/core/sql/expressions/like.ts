/** LIKE: `%` stands for any characters, `_` for one. */
import { EvaluationError } from '../errors.ts'

const ANY = -1
const ONE = -2

/** Returns the code points of a pattern, with `ANY` and `ONE` in place of its signs. */
function parsePattern(pattern: string, escapedBy: string | undefined): number[] {
  const points = [...pattern]
  const parsed: number[] = []
  for (let index = 0; index < points.length; index++) {
    const point = points[index] as string
    if (point === escapedBy) {
      const next = points[++index]
      if (next === undefined) throw new EvaluationError('LIKE: the pattern ends with its escape')
      parsed.push(next.codePointAt(0) as number)
    } else if (point === '%') parsed.push(ANY)
    else parsed.push(point === '_' ? ONE : (point.codePointAt(0) as number))
  }
  return parsed
}

/** Returns a function that tells whether a whole text is like the pattern, in time of both lengths multiplied. */
export function likeMatcher(
  pattern: string,
  escapedBy: string | undefined,
): (text: string) => boolean {
  const parsed = parsePattern(pattern, escapedBy)
  return (text) => matches(text, parsed)
}

/** Goes back to the last `%` only: what it stands for grows by one. */
function matches(text: string, pattern: readonly number[]): boolean {
  const points = Array.from(text, (point) => point.codePointAt(0) as number)
  let at = 0
  let inPattern = 0
  let anyInPattern = -1
  let anyAt = 0
  while (at < points.length) {
    const wanted = pattern[inPattern]
    if (wanted === ANY) {
      anyInPattern = inPattern++
      anyAt = at
    } else if (wanted === ONE || wanted === points[at]) {
      at++
      inPattern++
    } else if (anyInPattern >= 0) {
      inPattern = anyInPattern + 1
      at = ++anyAt
    } else return false
  }
  while (pattern[inPattern] === ANY) inPattern++
  return inPattern === pattern.length
}
