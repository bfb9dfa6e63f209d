/** The schemas of the HTTP API. Each validates input and describes it in OpenAPI. */
import { z } from '@hono/zod-openapi'
import { JSON_MEDIA_TYPE } from '../app/schemas.ts'
import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  OFFSET_MAX,
  PARTITIONS_MAX,
  REQUEST_RECORDS_MAX,
  WAIT_MS_MAX,
} from '../core/limits.ts'
import { ISOLATION_LEVELS } from '../core/log/log-ends.ts'
import { LOCATION_HINTS } from '../core/topic/topic.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'

export const MEDIA_TYPES = {
  json: JSON_MEDIA_TYPE,
  ndjson: 'application/x-ndjson',
  batch: 'application/vnd.edgelog.batch',
  sse: 'text/event-stream',
  tail: 'application/vnd.edgelog.tail',
} as const

const TopicNameText = z.string().openapi({ example: 'orders' })

/** Returns a schema for a whole number in a path or a query. */
export function wholeNumber(min: number, max: number) {
  const message = `a whole number from ${min} to ${max} is allowed`
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

export const TopicParams = z.strictObject({
  topic: TopicNameText.transform((name) => parseTopicName(name, 'topic')),
})

export const PartitionParams = TopicParams.extend({ partition: wholeNumber(0, PARTITIONS_MAX - 1) })

export const DeleteRecordsBody = z
  .strictObject({
    beforeOffset: z
      .union(
        [z.int().min(0).max(OFFSET_MAX), z.literal('latest')],
        `a whole number from 0 to ${OFFSET_MAX}, or latest is allowed`,
      )
      .openapi({ description: 'the new log start; latest: the high watermark' }),
  })
  .openapi('DeleteRecords')

export const LogStartResponse = z.object({ logStartOffset: z.int() }).openapi('LogStart')

const ConfigInput = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .openapi({ example: { 'retention.ms': 86_400_000 } })

const ConfigChangeInput = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .openapi({ description: 'null resets a key to its default' })

export const NewTopicBody = z
  .strictObject({
    name: TopicNameText,
    partitions: z.number().optional().openapi({ example: 3 }),
    config: ConfigInput.optional(),
    locationHint: z.enum(LOCATION_HINTS).optional(),
  })
  .openapi('NewTopic')

export const TopicChangeBody = z
  .strictObject({
    partitions: z
      .number()
      .optional()
      .openapi({ description: 'the new total, more than the current one' }),
    config: ConfigChangeInput.optional(),
  })
  .openapi('TopicChange')

const logEnds = {
  logStartOffset: z.int(),
  lastStableOffset: z.int(),
  highWatermark: z.int(),
}

const PartitionDetails = z
  .object({
    partition: z.int(),
    ...logEnds,
    sizeBytes: z.int(),
    remote: z
      .object({
        localStartOffset: z.int(),
        copiedOffset: z.int().nullable(),
        localBytes: z.int(),
        remoteBytes: z.int(),
      })
      .optional()
      .openapi({ description: 'of a topic with remote.storage.enable=true' }),
  })
  .openapi('PartitionDetails')

export const TopicResponse = z
  .object({
    name: z.string(),
    id: z.string(),
    partitions: z.int(),
    config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    partitionDetails: z.array(PartitionDetails).optional(),
  })
  .openapi('Topic')

export const TierVerifyBody = z.strictObject({
  fromOffset: z.int('a whole number is allowed').min(0, 'at least 0 is allowed').default(0),
  data: z.boolean('true or false is allowed').default(false),
})

export const TierVerifyResponse = z
  .object({
    objects: z.int(),
    bytes: z.int(),
    damaged: z.array(
      z.object({
        key: z.string(),
        baseOffset: z.int(),
        endOffset: z.int(),
        reason: z.string(),
      }),
    ),
    orphans: z.array(z.string()),
    nextOffset: z.int().nullable(),
  })
  .openapi('TierVerification')

export const TierRebuildQuery = z.strictObject({
  beforeOffset: wholeNumber(0, OFFSET_MAX).default(OFFSET_MAX),
})

export const TierRebuildResponse = z
  .object({
    adopted: z.int(),
    damaged: z.array(z.object({ key: z.string(), reason: z.string() })),
    holes: z.array(z.object({ from: z.int(), to: z.int() })),
    beforeOffset: z.int().nullable(),
    isComplete: z.boolean(),
    ...logEnds,
  })
  .openapi('TierRebuilding')

const offsetText = wholeNumber(0, OFFSET_MAX)

export const RestoreHeaders = z.object({
  'Edgelog-Source': z
    .string('the id of a topic is needed')
    .regex(/^[\w-]{1,64}$/, 'the id of a topic is allowed'),
  'Edgelog-Offset': offsetText,
  'Edgelog-Next-Offset': offsetText,
})

export const RestoreResponse = z
  .object({ logStartOffset: z.int(), nextOffset: z.int() })
  .openapi('Restored')

export const TopicsResponse = z.object({ topics: z.array(TopicResponse) }).openapi('Topics')

export const DescribeTopicQuery = z.strictObject({
  partitionDetails: z
    .enum(['true', 'false'], 'true or false is allowed')
    .default('true')
    .transform((text) => text === 'true'),
})

// -- records -----------------------------------------------------------------------------------

const HeaderText = z.string().nullable()
const headersShape = 'an object of text, or a list of [name, text], is allowed'

const Headers = z.union(
  [z.record(z.string(), HeaderText), z.array(z.tuple([z.string(), HeaderText]))],
  headersShape,
)

const recordFields = {
  key: z.string().nullable().optional(),
  keyBase64: z.string().optional(),
  value: z.unknown().optional().openapi({
    description: 'text or null; any other JSON is stored as its original text without white space',
  }),
  valueBase64: z.string().optional(),
  headers: Headers.optional(),
  headersBase64: z.array(z.tuple([z.string(), HeaderText])).optional(),
  timestamp: z
    .int('whole milliseconds since 1970 are allowed')
    .min(0, 'whole milliseconds since 1970 are allowed')
    .optional(),
}

const partitionMessage = `a whole number from 0 to ${PARTITIONS_MAX - 1} is allowed`

export const TopicRecordBody = z
  .strictObject({
    ...recordFields,
    partition: z
      .int(partitionMessage)
      .min(0, partitionMessage)
      .max(PARTITIONS_MAX - 1, partitionMessage)
      .optional(),
  })
  .openapi('Record')

/** A record in a request to one partition, which the path names. */
export const PartitionRecordBody = z.strictObject(recordFields).openapi('PartitionRecord')

export function produceBody<Schema extends z.ZodType>(record: Schema) {
  return z.strictObject({
    records: z
      .array(record)
      .min(1, 'at least one record is needed')
      .max(REQUEST_RECORDS_MAX, `at most ${REQUEST_RECORDS_MAX} records are allowed`),
  })
}

export const OffsetsResponse = z
  .object({ offsets: z.array(z.object({ partition: z.int(), offset: z.int() })) })
  .openapi('Offsets')

export const BatchResponse = z
  .object({
    baseOffset: z.int().openapi({ description: 'of the first record; -1 if no longer known' }),
    nextOffset: z.int().openapi({ description: 'after the last record; -1 if no longer known' }),
    baseOffsets: z
      .array(z.int())
      .openapi({ description: 'of each batch, in the order sent; -1 if no longer known' }),
    logAppendTime: z
      .int()
      .nullable()
      .openapi({ description: 'of the last record; null for CreateTime, or if no longer known' }),
    pieces: z
      .array(z.object({ recordsCount: z.int(), baseOffset: z.int() }))
      .optional()
      .openapi({
        description:
          'the positions of the records, if some were stored in other batches; -1 if no longer known',
      }),
  })
  .openapi('AppendedBatches')

const offsetMessage = `a whole number from 0 to ${OFFSET_MAX}, earliest or latest is allowed`

export const OffsetText = z
  .string()
  .regex(/^(\d{1,16}|earliest|latest)$/, offsetMessage)
  .transform((text) => (text === 'earliest' || text === 'latest' ? text : Number(text)))
  .refine((offset) => typeof offset === 'string' || offset <= OFFSET_MAX, offsetMessage)

export const Isolation = z
  .enum(ISOLATION_LEVELS, `${ISOLATION_LEVELS.join(' or ')} is allowed`)
  .default('committed')

export const FetchQuery = z.strictObject({
  offset: OffsetText.optional(),
  timestamp: wholeNumber(0, OFFSET_MAX).optional(),
  maxBytes: wholeNumber(1, FETCH_BYTES_MAX).default(FETCH_BYTES_DEFAULT),
  minBytes: wholeNumber(0, FETCH_BYTES_MAX).default(1),
  waitMs: wholeNumber(0, WAIT_MS_MAX).default(0),
  isolation: Isolation,
})

export const FetchedRecord = z
  .object({
    offset: z.int(),
    timestamp: z.int(),
    key: z.string().nullable().optional(),
    keyBase64: z.string().optional(),
    value: z.string().nullable().optional(),
    valueBase64: z.string().optional(),
    headers: Headers.optional(),
    headersBase64: z.array(z.tuple([z.string(), HeaderText])).optional(),
  })
  .openapi('FetchedRecord')

export const FetchResponse = z
  .object({
    records: z.array(FetchedRecord),
    offset: z.int(),
    nextOffset: z.int(),
    ...logEnds,
    tombstonesGoneBelow: z.int().optional().openapi({
      description:
        'compaction has removed tombstones below it; a reader further behind missed them',
    }),
    sealed: z
      .string()
      .optional()
      .openapi({ description: 'the path of the sealed chunk that holds `offset`' }),
  })
  .openapi('Fetched')

export const SealedParams = z.strictObject({
  topicId: z.string(),
  partition: wholeNumber(0, PARTITIONS_MAX - 1),
  offset: wholeNumber(0, OFFSET_MAX),
})

export const TailQuery = z.strictObject({
  offset: z.enum(['earliest', 'latest'], 'earliest or latest is allowed').default('latest'),
  cursor: z.string().optional().openapi({ description: 'same as Last-Event-ID' }),
  isolation: Isolation,
})
