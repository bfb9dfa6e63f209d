/**
 * Regular expressions for topic names, with which members subscribe to topics that do not exist yet.
 * JavaScript's own can be made to run for hours; these take time in proportion to the name.
 * docs/adr/0006-own-topic-patterns.md has the reasons for this implementation.
 */
import { parsePattern } from './pattern-parser.ts'
import { buildProgram, runProgram } from './pattern-program.ts'

interface TopicPattern {
  /** Returns whether the whole name matches, as in Kafka: `order` does not match the topic `orders`. */
  matches(name: string): boolean
  /** Like `matches`, and also returns the number of steps. */
  match(name: string): { readonly isMatch: boolean; readonly steps: number }
}

/**
 * Compiles a pattern in the part of RE2's syntax that is meaningful for topic names: literals, `.`, classes,
 * `\d \w \s`, groups, `|`, `* + ? {n,m}`, `^ $ \A \z`, and `(?i)` at the beginning. Backreferences,
 * lookaround, other flags, `\b` and Unicode classes are refused.
 *
 * @param field The name of the value in the error message.
 * @throws {EdgelogError} `invalid_regular_expression`, with the cause and its position.
 * @example
 * compileTopicPattern('orders\\..*|payments').matches('orders.eu') // true
 */
export function compileTopicPattern(text: string, field = 'topicPattern'): TopicPattern {
  const program = buildProgram(parsePattern(text, field))
  const match = (name: string) => runProgram(program, name)
  return { match, matches: (name) => match(name).isMatch }
}
