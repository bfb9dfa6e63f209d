/** The schemas of the routes of stream processing. */
import { z } from '@hono/zod-openapi'
import { OFFSET_MAX, WAIT_MS_MAX } from '../core/limits.ts'
import { QUERY_ROWS_MAX, STREAMS_NAME_LENGTH_MAX } from '../core/streams/limits.ts'

const NAME_ALLOWED = `1 to ${STREAMS_NAME_LENGTH_MAX} letters, digits, '.', '_' and '-' are allowed`
const Name = z.string().regex(/^[a-zA-Z0-9._-]{1,100}$/, NAME_ALLOWED)

export const ApplicationParams = z.strictObject({
  application: Name.openapi({ example: 'leaderboard' }),
})
export const StoreParams = ApplicationParams.extend({ store: Name.openapi({ example: 'counts' }) })
export const StoreKeyParams = StoreParams.extend({ key: z.string().openapi({ example: 'ann' }) })

const From = z.enum(['earliest', 'latest'], 'earliest or latest is allowed')

export const DeployBody = z
  .strictObject({ from: From.default('earliest') })
  .openapi('DeployApplication')
export const ResetBody = z.strictObject({ from: From.default('earliest') }).openapi('Reset')

function whole(max: number) {
  const message = `a whole number from 0 to ${max} is allowed`
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => value <= max, message)
}

const encoding = z
  .enum(['text', 'base64'], 'text or base64 is allowed')
  .default('text')
  .openapi({ description: 'of the key; text: as the serde of the store shows it' })

const wait = {
  atLeast: z
    .string()
    .regex(/^[a-zA-Z0-9._-]+\/\d{1,4}\/\d{1,16}$/, 'topic/partition/offset is allowed')
    .optional()
    .openapi({ description: 'waits until the state has reached this offset: reads your writes' }),
  waitMs: whole(WAIT_MS_MAX).default(5_000),
}

export const GetQuery = z.strictObject({ encoding, ...wait })

export const ScanQuery = z.strictObject({
  encoding,
  from: z.string().optional(),
  to: z.string().optional(),
  key: z.string().optional().openapi({ description: 'only the windows of this key' }),
  fromMs: whole(OFFSET_MAX).optional(),
  toMs: whole(OFFSET_MAX).optional(),
  limit: whole(QUERY_ROWS_MAX).default(100),
  ...wait,
})

const PositionResponse = z.object({
  topic: z.string(),
  partition: z.int(),
  offset: z.int().openapi({ description: 'all records below it are in the state' }),
  endOffset: z.int(),
})

const RowResponse = z.object({
  key: z.unknown(),
  value: z.unknown(),
  timestamp: z.int(),
  window: z.object({ startMs: z.int(), endMs: z.int() }).optional(),
})

export const RowWithPositions = RowResponse.extend({
  positions: z.array(PositionResponse),
}).openapi('StoreRow')

export const RowsResponse = z
  .object({
    rows: z.array(RowResponse),
    hasMore: z.boolean(),
    positions: z.array(PositionResponse),
  })
  .openapi('StoreRows')

export const SummaryResponse = z
  .object({
    name: z.string(),
    status: z.enum(['starting', 'running', 'paused', 'failed', 'deleting']),
    generation: z.int(),
    error: z.string().optional(),
  })
  .openapi('Application')

const TaskResponse = z.object({
  sub: z.int(),
  partition: z.int(),
  status: z.enum(['running', 'paused', 'failed', 'waiting']),
  inputs: z.array(PositionResponse),
  recordsCount: z.int(),
  nodes: z.record(z.string(), z.int()).openapi({ description: 'records that each has processed' }),
  dropped: z.record(z.string(), z.int()),
  stateBytes: z.int(),
  pendingTurns: z.int(),
  streamTimeMs: z.int(),
  rowsWritten: z.int(),
  lastError: z
    .object({
      node: z.string(),
      message: z.string(),
      record: z.string().optional(),
      atMs: z.int(),
    })
    .optional(),
  failures: z
    .object({ count: z.int(), lastMessage: z.string() })
    .optional()
    .openapi({ description: 'expressions that failed for a row since the task woke up' }),
})

const tasks = { tasks: z.array(TaskResponse), lag: z.int(), recordsCount: z.int() }

export const DescriptionResponse = SummaryResponse.extend({
  topology: z.object({
    name: z.string(),
    nodes: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        inputs: z.array(z.string()),
        stores: z.array(z.record(z.string(), z.unknown())),
        options: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
  ...tasks,
  upgrade: z
    .object({
      generation: z.int(),
      step: z.enum(['catching-up', 'holding', 'draining']),
      error: z.string().optional(),
      ...tasks,
    })
    .optional()
    .openapi({ description: 'a new generation beside the running one' }),
}).openapi('ApplicationDescription')

export const ApplicationsResponse = z
  .object({ applications: z.array(SummaryResponse) })
  .openapi('Applications')
