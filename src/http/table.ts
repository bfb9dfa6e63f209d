/** The routes that read the table of a compacted topic. */
import { z } from '@hono/zod-openapi'
import { brokerOf } from '../app/env.ts'
import { jsonResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import type { TablePage, TableRecord } from '../broker/table.ts'
import { recordToJson } from '../core/batch/json-record.ts'
import { decodeBase64Url, encodeBase64Url } from '../core/bytes/base64-url.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  OFFSET_MAX,
  PARTITIONS_MAX,
  TABLE_SCAN_ENTRIES_DEFAULT,
  TABLE_SCAN_ENTRIES_MAX,
  TABLE_WAIT_MS_DEFAULT,
  WAIT_MS_MAX,
} from '../core/limits.ts'
import { FetchedRecord, TopicParams, wholeNumber } from './schemas.ts'

const encoder = new TextEncoder()

const KeyParams = TopicParams.extend({ key: z.string().openapi({ example: 'customer-17' }) })

const waitMs = wholeNumber(0, WAIT_MS_MAX).default(TABLE_WAIT_MS_DEFAULT)
const encoding = z
  .enum(['text', 'base64'], 'text or base64 is allowed')
  .default('text')
  .openapi({ description: 'of the key or the prefix; base64 with the alphabet for URLs' })

const TableGetQuery = z.strictObject({
  partition: wholeNumber(0, PARTITIONS_MAX - 1).optional(),
  at: wholeNumber(0, OFFSET_MAX).optional(),
  waitMs,
  encoding,
})

const TableScanQuery = z.strictObject({
  prefix: z.string().default(''),
  encoding,
  limit: wholeNumber(1, TABLE_SCAN_ENTRIES_MAX).default(TABLE_SCAN_ENTRIES_DEFAULT),
  cursor: z.string().max(10_000).optional(),
  waitMs,
})

const TableEntryResponse = FetchedRecord.extend({ partition: z.int() }).openapi('TableEntry')

const TablePageResponse = z
  .object({
    entries: z.array(TableEntryResponse),
    tableOffsets: z.array(z.object({ partition: z.int(), offset: z.int() })).openapi({
      description: 'for each partition of the page, the offset from which later changes follow',
    }),
    cursor: z.string().optional().openapi({ description: 'of the next page, if there is one' }),
  })
  .openapi('TablePage')

export function addTableRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}/table/{key}',
      summary: 'Read the latest record of a key',
      responses: jsonResponses(200, TableEntryResponse, 'The record'),
    },
    { params: KeyParams, query: TableGetQuery },
    async (
      c,
      { params: { topic, key }, query: { partition, at, waitMs: maxWaitMs, ...query } },
    ) => {
      const request = { key: bytesOf(key, query.encoding, 'key'), partition, at, maxWaitMs }
      return c.json(entryJson(await brokerOf(c).records.tableGet(topic, request)))
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}/table',
      summary: 'Read the latest records of all keys, page by page',
      responses: jsonResponses(200, TablePageResponse, 'A page of records'),
    },
    { params: TopicParams, query: TableScanQuery },
    async (
      c,
      { params: { topic }, query: { prefix, limit, cursor, waitMs: maxWaitMs, ...query } },
    ) => {
      const { partition, after } = decodeCursor(cursor)
      const page = await brokerOf(c).records.tableScan(topic, {
        prefix: bytesOf(prefix, query.encoding, 'prefix'),
        partition,
        after,
        limit,
        maxWaitMs,
      })
      return c.json(pageJson(page))
    },
  )
}

function entryJson({ partition, record }: TableRecord) {
  return { partition, ...recordToJson(record) }
}

function pageJson({ records, tableOffsets, next }: TablePage) {
  return {
    entries: records.map(entryJson),
    tableOffsets: [...tableOffsets].map(([partition, offset]) => ({ partition, offset })),
    ...(next !== undefined && { cursor: encodeCursor(next) }),
  }
}

function bytesOf(text: string, encoding: 'text' | 'base64', field: string): Uint8Array {
  if (encoding === 'text') return encoder.encode(text)
  return decodeBase64Url(text, field)
}

// -- cursor --------------------------------------------------------------------------------------

/** `<partition>` or `<partition>.<key in base64 for URLs>`. */
function encodeCursor({ partition, after }: NonNullable<TablePage['next']>): string {
  return after === undefined ? String(partition) : `${partition}.${encodeBase64Url(after)}`
}

function decodeCursor(cursor = '0'): { partition: number; after: Uint8Array | undefined } {
  const [, partition, key] = /^(\d{1,6})(?:\.(.*))?$/.exec(cursor) ?? []
  if (partition === undefined) {
    throw new EdgelogError('invalid_request', 'cursor: the cursor of a former page is allowed')
  }
  const after = key === undefined ? undefined : decodeBase64Url(key, 'cursor')
  return { partition: Number(partition), after }
}
