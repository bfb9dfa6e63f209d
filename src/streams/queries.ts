/** The routes that read the stores of an application. */
import { brokerOf } from '../app/env.ts'
import { jsonResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import { decodeBase64Url } from '../core/bytes/base64-url.ts'
import { EdgelogError } from '../core/errors.ts'
import { OFFSET_MAX } from '../core/limits.ts'
import { keyBytesOf } from '../core/streams/known-serdes.ts'
import type { AtLeast, QueryResult, StoreRow } from '../core/streams/task-api.ts'
import {
  GetQuery,
  RowsResponse,
  RowWithPositions,
  ScanQuery,
  StoreKeyParams,
  StoreParams,
} from './schemas.ts'

const STORE = '/v1/streams/{application}/stores/{store}'

export function addQueryRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${STORE}/{key}`,
      summary: 'Read the row of a key',
      responses: jsonResponses(200, RowWithPositions, 'The row'),
    },
    { params: StoreKeyParams, query: GetQuery },
    async (c, { params: { application, store, key }, query: { encoding, ...wait } }) => {
      const { applications } = brokerOf(c)
      const { key: serde } = await applications.placement(application, store)
      const query = {
        kind: 'get',
        key: keyOf(serde, key, encoding, 'key'),
        ...waitOf(wait),
      } as const
      const { rows, positions } = await applications.queryKey(application, store, query)
      const [row] = rows
      if (row === undefined) {
        throw new EdgelogError('key_not_found', 'key: has no value', { details: { positions } })
      }
      return c.json({ ...rowJson(row), positions })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: STORE,
      summary: 'Read a range of keys, or windows',
      responses: jsonResponses(200, RowsResponse, 'The rows'),
    },
    { params: StoreParams, query: ScanQuery },
    async (c, { params: { application, store }, query: { encoding, limit, ...query } }) => {
      const { applications } = brokerOf(c)
      const placement = await applications.placement(application, store)
      const bytes = (field: 'from' | 'to' | 'key') => {
        const given = query[field]
        return given === undefined ? {} : { [field]: keyOf(placement.key, given, encoding, field) }
      }
      const wait = waitOf(query)
      if (placement.kind === 'key-value') {
        const range = { kind: 'range', ...bytes('from'), ...bytes('to'), limit, ...wait } as const
        return c.json(rowsJson(await applications.queryAll(application, store, range)))
      }
      const { fromMs = 0, toMs = OFFSET_MAX } = query
      const windows = { kind: 'windows', fromMs, toMs, limit, ...wait } as const
      const { key } = bytes('key')
      const result =
        key === undefined
          ? await applications.queryAll(application, store, windows)
          : await applications.queryKey(application, store, { ...windows, key })
      return c.json(rowsJson(result))
    },
  )
}

function rowsJson({ rows, hasMore, positions }: QueryResult) {
  return { rows: rows.map(rowJson), hasMore, positions }
}

function rowJson({ key, value, timestamp, window }: StoreRow) {
  return { key, value, timestamp, ...(window !== undefined && { window }) }
}

function keyOf(
  serde: string,
  given: string,
  encoding: 'text' | 'base64',
  field: string,
): Uint8Array {
  return encoding === 'text' ? keyBytesOf(serde, given, field) : decodeBase64Url(given, field)
}

function waitOf({
  atLeast,
  waitMs: maxWaitMs,
}: {
  readonly atLeast?: string | undefined
  readonly waitMs: number
}): { readonly maxWaitMs: number; readonly atLeast?: AtLeast } {
  if (atLeast === undefined) return { maxWaitMs }
  const [topic = '', partition, offset] = atLeast.split('/')
  return { maxWaitMs, atLeast: { topic, partition: Number(partition), offset: Number(offset) } }
}
