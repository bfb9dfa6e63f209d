/** Checks a heartbeat as far as that is possible without the group: at the edge, before any call. */
import { EdgelogError } from '../../errors.ts'
import { GROUP_TOPICS_MAX } from '../../limits.ts'
import { parseTopicName } from '../../topic/topic-name.ts'
import { compileTopicPattern } from '../../topic-pattern/topic-pattern.ts'
import { type HeartbeatRequest, JOIN_EPOCH, LEAVE_STATIC_EPOCH } from '../group-api.ts'

type Heartbeat = Pick<
  HeartbeatRequest,
  'memberEpoch' | 'instanceId' | 'topics' | 'topicPattern' | 'mayNameUnknownTopics'
> & { readonly owned?: readonly unknown[] }

/** @throws {EdgelogError} `invalid_request`, `invalid_topic`, `invalid_regular_expression`. */
export function checkHeartbeat(heartbeat: Heartbeat): void {
  const { memberEpoch, instanceId, topics = [], topicPattern = '', owned = [] } = heartbeat
  const { mayNameUnknownTopics } = heartbeat
  if (topicPattern !== '') compileTopicPattern(topicPattern)
  if (topics.length > GROUP_TOPICS_MAX) {
    throw new EdgelogError(
      'invalid_request',
      `topics: at most ${GROUP_TOPICS_MAX} topics are allowed, got ${topics.length}`,
    )
  }
  for (const name of topics) parseTopicName(name, 'topics')
  if (memberEpoch === LEAVE_STATIC_EPOCH && instanceId === null) {
    throw new EdgelogError(
      'invalid_request',
      'memberEpoch: -2 (leave and return later) needs an instanceId',
    )
  }
  if (memberEpoch !== JOIN_EPOCH) return
  const wanted = heartbeat.topics ?? heartbeat.topicPattern
  // Kafka's clients match a pattern themselves, and may have found no topic yet.
  const mayWantNothing = mayNameUnknownTopics && wanted !== undefined
  if (topics.length === 0 && topicPattern === '' && !mayWantNothing) {
    throw new EdgelogError(
      'invalid_request',
      'topics: a joining member needs topics or topicPattern',
    )
  }
  if (owned.length > 0) {
    throw new EdgelogError(
      'invalid_request',
      'owned: must be empty for a joining member (memberEpoch 0)',
    )
  }
}
