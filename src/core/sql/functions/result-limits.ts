/** Limits of what one call of a function makes. */
import { EvaluationError } from '../errors.ts'
import { ELEMENTS_MAX, TEXT_LENGTH_MAX } from '../limits.ts'

/** @throws {EvaluationError} for a text or bytes that would be too long. */
export function checkLength(name: string, length: number): void {
  if (length <= TEXT_LENGTH_MAX) return
  throw new EvaluationError(
    `${name}: the result has a length of ${length}; at most ${TEXT_LENGTH_MAX} is allowed`,
  )
}

/** @throws {EvaluationError} for an array or map that would be too large. */
export function checkElements(name: string, count: number): void {
  if (count <= ELEMENTS_MAX) return
  throw new EvaluationError(
    `${name}: the result has ${count} elements; at most ${ELEMENTS_MAX} are allowed`,
  )
}

/** Joins texts. @throws {EvaluationError} if the result would be too long. */
export function joinTexts(name: string, texts: readonly string[], separator: string): string {
  const separators = Math.max(0, texts.length - 1) * separator.length
  checkLength(
    name,
    texts.reduce((sum, text) => sum + text.length, separators),
  )
  return texts.join(separator)
}
