/** The schemas of client messages to `/v1/tail`. */
import { z } from '@hono/zod-openapi'
import {
  OFFSET_MAX,
  PARTITIONS_MAX,
  SSE_CREDIT_BYTES,
  TAIL_CREDIT_BYTES_MAX,
  TAIL_SUBSCRIPTIONS_MAX,
  WAIT_MS_MAX,
} from '../../core/limits.ts'
import { Isolation } from '../schemas.ts'

/** Returns a schema for a whole number in a body. */
export function whole(min: number, max: number) {
  const message = `a whole number from ${min} to ${max} is allowed`
  return z.int(message).min(min, message).max(max, message)
}

const Id = whole(0, 0xffff_ffff)
const Credit = whole(1, TAIL_CREDIT_BYTES_MAX)

/** The topic must have this id. */
export const TopicId = z
  .uuid('the UUID of a topic is needed')
  .transform((id) => id.toLowerCase())
  .optional()
  .openapi({ description: 'rejects another topic with the same name' })

const subscriptionFields = {
  id: Id.openapi({ description: 'chosen by the client; identifies the subscription' }),
  topic: z.string('the name of a topic is needed'),
  partition: whole(0, PARTITIONS_MAX - 1),
  offset: z.union(
    [z.int().min(0).max(OFFSET_MAX), z.enum(['earliest', 'latest'])],
    `a whole number from 0 to ${OFFSET_MAX}, earliest or latest is allowed`,
  ),
  isolation: Isolation,
  topicId: TopicId,
}

/** The client messages about subscriptions, on a WebSocket of the tail and on a session. */
export const TAIL_CONTROLS = [
  z.strictObject({ op: z.literal('subscribe'), ...subscriptionFields, creditBytes: Credit }),
  z.strictObject({ op: z.literal('credit'), id: Id, bytes: Credit }),
  z.strictObject({ op: z.literal('unsubscribe'), id: Id }),
] as const

/** A client message on the WebSocket of the tail. */
export const Control = z.discriminatedUnion('op', TAIL_CONTROLS)

export type TailControl = z.output<typeof Control>

/** One subscription of a connection. */
export type TailSubscription = Omit<Extract<TailControl, { readonly op: 'subscribe' }>, 'op'>

const BodySubscription = z
  .strictObject({ ...subscriptionFields, creditBytes: Credit.default(SSE_CREDIT_BYTES) })
  .openapi('TailSubscription')

export const TailBody = z
  .strictObject({
    subscriptions: z
      .array(BodySubscription, 'a list of subscriptions is needed')
      .min(1, 'at least one subscription is needed')
      .max(TAIL_SUBSCRIPTIONS_MAX, `at most ${TAIL_SUBSCRIPTIONS_MAX} subscriptions are allowed`)
      .superRefine(refuseRepeatedIds),
    waitMs: whole(0, WAIT_MS_MAX)
      .default(0)
      .openapi({ description: 'for a long poll; an event stream stays open' }),
  })
  .openapi('TailRequest')

function refuseRepeatedIds(
  subscriptions: ReadonlyArray<{ readonly id: number }>,
  context: z.RefinementCtx,
): void {
  const seen = new Set<number>()
  for (const [index, { id }] of subscriptions.entries()) {
    if (seen.has(id)) {
      context.addIssue({ code: 'custom', path: [index, 'id'], message: `${id} is in use` })
    }
    seen.add(id)
  }
}
