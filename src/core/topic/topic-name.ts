/** Topic names. They are created only here, at the edge; code behind it relies on the type. */
import { EdgelogError } from '../errors.ts'
import { TOPIC_NAME_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'

declare const topicName: unique symbol

/** A string that is valid as a topic name in Kafka. */
export type TopicName = string & { readonly [topicName]: true }

const ALLOWED = `1 to ${TOPIC_NAME_LENGTH_MAX} of the characters a-z A-Z 0-9 . _ - are allowed, but not "." and ".."`

/**
 * Checks a topic name by Kafka's rule.
 *
 * @param field The name of the value in the error message.
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
 * Returns a key that is equal for two names that Kafka does not allow together: its metric names replace `.` by
 * `_`, so `a.b` and `a_b` would share their metrics.
 */
export function collisionKey(name: TopicName): string {
  return name.replaceAll('.', '_')
}
