/** Names of topics. Made only here, at the door; the rooms behind it trust the type. */
import { EdgelogError } from '../errors.ts'
import { TOPIC_NAME_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'

declare const topicName: unique symbol

/** Text that obeys Kafka's rule for topic names. */
export type TopicName = string & { readonly [topicName]: true }

const ALLOWED = `1 to ${TOPIC_NAME_LENGTH_MAX} of the characters a-z A-Z 0-9 . _ - are allowed, but not "." and ".."`

/**
 * Checks a topic's name by Kafka's rule.
 *
 * @param field What the message calls the value.
 * @throws {EdgelogError} `invalid_topic`.
 * @example
 * const name = parseTopicName(body.name)
 */
export function parseTopicName(value: unknown, field = 'name'): TopicName {
  if (!isTopicName(value)) {
    throw new EdgelogError('invalid_topic', `${field}: ${ALLOWED}; got ${shownValue(value)}`)
  }
  return value
}

function isTopicName(value: unknown): value is TopicName {
  return (
    typeof value === 'string' &&
    value.length <= TOPIC_NAME_LENGTH_MAX &&
    /^[a-zA-Z0-9._-]+$/.test(value) &&
    value !== '.' &&
    value !== '..'
  )
}

/**
 * Equal for two names that Kafka does not let exist side by side: its metric names turn `.` into `_`,
 * so `a.b` and `a_b` would be counted as one.
 */
export function collisionKey(name: TopicName): string {
  return name.replaceAll('.', '_')
}
