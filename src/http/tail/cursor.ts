/**
 * The cursor of an event stream: its position in every partition of one topic.
 *
 *     1f3a9c2e.12.5.0      start of the topic's id . next offset of partition 0 . of 1 . of 2
 */
import { EdgelogError } from '../../core/errors.ts'
import { OFFSET_MAX } from '../../core/limits.ts'
import type { Topic } from '../../core/topic/topic.ts'

function topicMark(topic: Topic): string {
  return topic.id.slice(0, 8)
}

export function encodeCursor(topic: Topic, position: readonly number[]): string {
  return `${topicMark(topic)}.${position.join('.')}`
}

/**
 * Returns the next offset of each partition in the cursor.
 *
 * @throws {EdgelogError} `invalid_request`; `offset_out_of_range` if the topic was recreated.
 */
export function parseCursor(cursor: string, topic: Topic): number[] {
  const [mark, ...offsets] = cursor.split('.')
  const position = offsets.map(Number)
  const isWellFormed =
    offsets.length > 0 &&
    offsets.length <= topic.partitions &&
    offsets.every((offset) => /^\d{1,16}$/.test(offset)) &&
    position.every((offset) => offset <= OFFSET_MAX)
  if (!isWellFormed) {
    throw new EdgelogError('invalid_request', 'Last-Event-ID: not a cursor of this topic')
  }
  if (mark !== topicMark(topic)) {
    throw new EdgelogError(
      'offset_out_of_range',
      'Last-Event-ID: the topic was deleted and recreated; start without a cursor',
    )
  }
  return position
}
