/** Statements as text, and the values of their parameters. */
import { EdgelogError } from '../../src/core/errors.ts'

/** A value of a parameter. A bigint is a BIGINT beyond the numbers that JavaScript has exactly. */
export type SqlParameter = string | number | bigint | boolean | null

export type SqlParameters = Readonly<Record<string, SqlParameter>>

export interface SqlText {
  readonly text: string
  readonly parameters: Readonly<Record<string, string | number | boolean | null>>
}

/**
 * Returns the text of a template, with a parameter in the place of each value. Backslashes stay, as regular expressions
 * need them, but for those before a backquote and a dollar sign.
 *
 * @throws {EdgelogError} `invalid_request` for a value that no parameter has.
 */
export function textOfTemplate(
  parts: TemplateStringsArray,
  values: readonly SqlParameter[],
): SqlText {
  // Spaces: the characters around a value must not become part of its name.
  const text = parts.raw.reduce((before, part, index) => `${before} :p${index} ${part}`)
  const unescaped = text.replaceAll(/\\([`$])/g, '$1')
  return textWith(
    unescaped,
    Object.fromEntries(values.map((value, index) => [`p${index + 1}`, value])),
  )
}

const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u

/** @throws {EdgelogError} `invalid_request` for a name or a value that no parameter has. */
export function textWith(text: string, given: SqlParameters): SqlText {
  let bound = text
  const parameters: Record<string, string | number | boolean | null> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!NAME.test(name)) {
      const why = `parameter ${name}: letters, digits and _ are allowed, and a digit not as the first`
      throw new EdgelogError('invalid_request', why)
    }
    if (typeof value !== 'bigint') parameters[name] = checked(name, value)
    // JSON has no bigint. Its digits are the text of a number, and cannot be anything else.
    else bound = bound.replaceAll(new RegExp(`:${name}(?![\\p{L}\\p{N}_@])`, 'gu'), `(${value})`)
  }
  return { text: bound, parameters }
}

function checked(name: string, value: unknown): string | number | boolean | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const found = typeof value === 'number' ? String(value) : typeof value
  throw new EdgelogError(
    'invalid_request',
    `parameter ${name}: ${found}; a text, a finite number, a bigint, true, false or null is allowed`,
  )
}
