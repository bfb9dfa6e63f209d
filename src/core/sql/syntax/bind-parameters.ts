/** Parameters by name: `:name` in a statement stands for a value, which is never read as text of a statement. */
import { SqlError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import type { Token } from './lexer.ts'
import type { StatementText } from './statement-text.ts'

export type Parameters = ReadonlyMap<string, string | number | boolean | null>

/**
 * Replaces the parameters of a statement by literals.
 *
 * @throws {SqlError} for a parameter that is not given.
 */
export function bindParameters(statement: StatementText, parameters: Parameters): StatementText {
  const tokens: Token[] = []
  const given = statement.tokens
  for (let index = 0; index < given.length; index++) {
    const token = given[index] as Token
    const name = given[index + 1]
    const isParameter =
      token.kind === 'symbol' &&
      token.text === ':' &&
      name?.kind === 'word' &&
      name.from === token.to
    if (!isParameter) {
      tokens.push(token)
      continue
    }
    tokens.push(...literal({ ...name, at: token.at }, parameters))
    index++
  }
  return { ...statement, tokens }
}

function literal(name: Token, parameters: Parameters): Token[] {
  const value = parameters.get(name.raw)
  if (value === undefined) {
    const near = nearestName(name.raw, parameters.keys())
    const hint = near === undefined ? '' : ` Did you mean :${near}?`
    throw new SqlError(`parameter :${name.raw}: is not given.${hint}`, name.at)
  }
  const token = (kind: Token['kind'], text: string): Token => ({ ...name, kind, text })
  if (typeof value === 'string') return [token('string', value)]
  if (typeof value !== 'number') return [token('word', String(value).toUpperCase())]
  const digits = String(Math.abs(value))
  const isNegative = value < 0 || Object.is(value, -0)
  const kind = digits.includes('e') ? 'float' : digits.includes('.') ? 'decimal' : 'integer'
  return [...(isNegative ? [token('symbol', '-')] : []), token(kind, digits)]
}
