/**
 * Regular expressions over topic names, with which members subscribe to topics that are yet to come.
 * JavaScript's own can be made to run for hours; these take time in proportion to the name. Why they are
 * written here: docs/adr/0006-own-topic-patterns.md.
 */
import { parsePattern } from './pattern-parser.ts'
import { buildProgram, runProgram } from './pattern-program.ts'

interface TopicPattern {
  /** Whether the whole name matches, as in Kafka: `order` does not match the topic `orders`. */
  matches(name: string): boolean
  /** The same, with what it took. */
  match(name: string): { readonly isMatch: boolean; readonly steps: number }
}

/**
 * Compiles a pattern in RE2's syntax, as far as it means something for topic names: literals, `.`, classes,
 * `\d \w \s`, groups, `|`, `* + ? {n,m}`, `^ $ \A \z`, and `(?i)` at the beginning. Backreferences,
 * lookaround, other flags, `\b` and Unicode classes are refused.
 *
 * @param field What the message calls the value.
 * @throws {EdgelogError} `invalid_regular_expression`, saying what is wrong, and where.
 * @example
 * compileTopicPattern('orders\\..*|payments').matches('orders.eu') // true
 */
export function compileTopicPattern(text: string, field = 'topicPattern'): TopicPattern {
  const program = buildProgram(parsePattern(text, field))
  const match = (name: string) => runProgram(program, name)
  return { match, matches: (name) => match(name).isMatch }
}
