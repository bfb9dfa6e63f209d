/** The schemas of text messages from the client of a session. */
import { z } from '@hono/zod-openapi'
import { PARTITIONS_MAX, SESSION_REFS_MAX } from '../../core/limits.ts'
import { TAIL_CONTROLS, TopicId, whole } from '../tail/tail-schemas.ts'

export const SessionControl = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('open'),
    ref: whole(0, SESSION_REFS_MAX - 1),
    topic: z.string('the name of a topic is needed'),
    partition: whole(0, PARTITIONS_MAX - 1),
    topicId: TopicId,
  }),
  z.strictObject({ op: z.literal('consumed'), mark: whole(0, 0xffff_ffff) }),
  z.strictObject({ op: z.literal('end') }),
  ...TAIL_CONTROLS,
])
