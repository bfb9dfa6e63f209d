/** The schemas of the group routes. */
import { z } from '@hono/zod-openapi'
import { ASSIGNOR_NAMES } from '../core/group/assign/assignor.ts'
import { parseGroupId, SHOWABLE } from '../core/group/group-id.ts'
import {
  COMMIT_OFFSETS_MAX,
  GROUP_ID_LENGTH_MAX,
  GROUP_PAGE_DEFAULT,
  GROUP_PAGE_MAX,
  GROUP_TOPICS_MAX,
  OFFSET_MAX,
  PARTITIONS_MAX,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
  TOPIC_PATTERN_LENGTH_MAX,
  TOPICS_MAX,
} from '../core/limits.ts'
import { wholeNumber } from './schemas.ts'

const INT32_MAX = 2 ** 31 - 1

/** Returns a schema for a whole number in a body. */
export function whole(min: number, max: number) {
  const message = `a whole number from ${min} to ${max} is allowed`
  return z.int(message).min(min, message).max(max, message)
}

/** Returns whether a text has no lone surrogates, which storage would replace. */
function wellFormed(text: string): boolean {
  return text.isWellFormed()
}
const wellFormedMessage = 'text without lone surrogates is allowed'

const idMessage = `text of 1 to ${GROUP_ID_LENGTH_MAX} printable characters is allowed`
const IdText = z.string(idMessage).max(GROUP_ID_LENGTH_MAX, idMessage).regex(SHOWABLE, idMessage)

export const partitionNumber = whole(0, PARTITIONS_MAX - 1)
const uuidMessage = 'the UUID of a topic is needed'
const TopicIdText = z.uuid(uuidMessage).transform((id) => id.toLowerCase())

export const GroupParams = z.strictObject({
  group: z
    .string()
    .openapi({ example: 'billing' })
    .transform((id) => parseGroupId(id, 'group')),
})

export const GroupsQuery = z.strictObject({
  after: z.string().max(GROUP_ID_LENGTH_MAX).default(''),
  limit: wholeNumber(1, GROUP_PAGE_MAX).default(GROUP_PAGE_DEFAULT),
})

export const DescribeGroupQuery = z.strictObject({
  lag: z
    .enum(['true', 'false'], 'true or false is allowed')
    .default('true')
    .transform((text) => text === 'true'),
})

export const FetchOffsetsQuery = z.strictObject({
  topic: z.string().optional(),
  requireStable: z
    .enum(['true', 'false'], 'true or false is allowed')
    .default('false')
    .transform((text) => text === 'true')
    .openapi({ description: 'refuses offsets that an open transaction may change' }),
})

export const DeleteOffsetsQuery = z.strictObject({
  topic: z.string('the name of a topic is needed'),
  partition: wholeNumber(0, PARTITIONS_MAX - 1).optional(),
})

const OwnedPartitions = z.strictObject({
  topic: z.string(),
  topicId: TopicIdText.optional(),
  partitions: z.array(partitionNumber).max(PARTITIONS_MAX),
})

export const HeartbeatBody = z
  .strictObject({
    memberId: IdText.optional().openapi({
      description: 'a UUID chosen by the client; generated if a joining member sends none',
    }),
    memberEpoch: whole(-2, INT32_MAX).openapi({
      description: '0 joins, -1 leaves, -2 leaves temporarily (with instanceId)',
    }),
    instanceId: IdText.optional().openapi({ description: 'of a static member' }),
    clientId: IdText.optional(),
    rackId: IdText.optional(),
    topics: z
      .array(z.string())
      .max(GROUP_TOPICS_MAX, `at most ${GROUP_TOPICS_MAX} topics are allowed`)
      .optional(),
    topicPattern: z
      .string()
      .max(TOPIC_PATTERN_LENGTH_MAX, `at most ${TOPIC_PATTERN_LENGTH_MAX} characters are allowed`)
      .refine(wellFormed, wellFormedMessage)
      .optional()
      .openapi({ description: 'an RE2 expression over whole names' }),
    assignor: z
      .string()
      .optional()
      .openapi({ description: ASSIGNOR_NAMES.join(' or ') }),
    owned: z
      .array(OwnedPartitions)
      .max(TOPICS_MAX)
      .optional()
      .openapi({ description: 'the partitions that the member owns now; omitted: unchanged' }),
    sessionTimeoutMs: whole(SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX).optional(),
    rebalanceTimeoutMs: whole(SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX).optional(),
  })
  .openapi('Heartbeat')

const AssignedTopic = z.object({
  topic: z.string(),
  topicId: z.string(),
  partitions: z.array(z.int()),
})

export const HeartbeatResponse = z
  .object({
    memberId: z.string(),
    memberEpoch: z.int(),
    heartbeatIntervalMs: z.int().openapi({ description: 'time until the next heartbeat' }),
    assignment: z
      .array(AssignedTopic)
      .nullable()
      .openapi({ description: 'all partitions of the member; null: unchanged' }),
  })
  .openapi('HeartbeatResponse')

export const offsetNumber = whole(0, OFFSET_MAX)

const OffsetToCommit = z.strictObject({
  topic: z.string(),
  partition: partitionNumber,
  offset: offsetNumber.openapi({ description: 'of the next record to read' }),
  leaderEpoch: whole(-1, INT32_MAX).default(-1),
  metadata: z.string().refine(wellFormed, wellFormedMessage).default(''),
})

export const CommitBody = z
  .strictObject({
    memberId: IdText.optional(),
    memberEpoch: whole(0, INT32_MAX).optional(),
    instanceId: IdText.optional(),
    offsets: z
      .array(OffsetToCommit)
      .min(1, 'at least one offset is needed')
      .max(COMMIT_OFFSETS_MAX, `at most ${COMMIT_OFFSETS_MAX} offsets are allowed`),
  })
  .openapi('OffsetCommit')

export const CommittedOffsetsResponse = z
  .object({
    offsets: z.array(
      z.object({
        topic: z.string(),
        partition: z.int(),
        offset: z.int(),
        leaderEpoch: z.int(),
        metadata: z.string(),
        committedAtMs: z.int(),
      }),
    ),
  })
  .openapi('CommittedOffsets')

export const ResetBody = z
  .strictObject({
    to: z.enum(['earliest', 'latest'], 'earliest or latest is allowed').optional(),
    offset: offsetNumber.optional(),
    timestamp: offsetNumber.optional(),
    shiftBy: whole(-OFFSET_MAX, OFFSET_MAX).optional(),
    topics: z
      .array(
        z.strictObject({
          topic: z.string(),
          partitions: z.array(partitionNumber).max(PARTITIONS_MAX).optional(),
        }),
      )
      .max(GROUP_TOPICS_MAX, `at most ${GROUP_TOPICS_MAX} topics are allowed`)
      .optional()
      .openapi({ description: 'omitted: all partitions with a committed offset' }),
    dryRun: z.boolean().default(false),
  })
  .openapi('OffsetReset')

export const ResetResponse = z
  .object({
    offsets: z.array(
      z.object({
        topic: z.string(),
        partition: z.int(),
        previousOffset: z.int().nullable(),
        offset: z.int(),
      }),
    ),
    dryRun: z.boolean(),
  })
  .openapi('OffsetsReset')

const GroupSummary = z
  .object({
    groupId: z.string(),
    state: z.string(),
    protocol: z.string().nullable(),
    memberCount: z.int(),
  })
  .openapi('GroupSummary')

export const GroupsResponse = z
  .object({
    groups: z.array(GroupSummary),
    next: z
      .string()
      .nullable()
      .openapi({ description: '`after` of the next page; null on the last page' }),
  })
  .openapi('Groups')

export const GroupResponse = GroupSummary.extend({
  groupEpoch: z.int(),
  assignmentEpoch: z.int(),
  assignor: z.string().nullable(),
  members: z.array(
    z.object({
      memberId: z.string(),
      instanceId: z.string().nullable(),
      clientId: z.string(),
      clientHost: z.string(),
      memberEpoch: z.int(),
      state: z.string(),
      topics: z.array(z.string()),
      topicPattern: z.string().nullable(),
      assignment: z.array(AssignedTopic),
      target: z.array(AssignedTopic),
    }),
  ),
  offsets: z
    .array(
      z.object({
        topic: z.string(),
        partition: z.int(),
        committedOffset: z.int().nullable(),
        metadata: z.string(),
        logStartOffset: z.int(),
        highWatermark: z.int(),
        lag: z.int(),
        memberId: z.string().nullable(),
      }),
    )
    .optional(),
  totalLag: z.int().optional(),
}).openapi('Group')
