/** The rows of a query as a response: lines of JSON, events, or one JSON document. */

import { lineStream } from '../app/line-stream.ts'
import { COMMON_HEADERS } from '../app/responses.ts'
import type { ResultRow, ResultRows } from '../broker/sql/result-rows.ts'
import { EdgelogError } from '../core/errors.ts'
import { columnJson, rowTexts } from '../core/sql/query/row-text.ts'
import { report } from '../events/report.ts'

export const NDJSON = 'application/x-ndjson'
export const EVENTS = 'text/event-stream'
export const JSON_DOCUMENT = 'application/json'

export type RowsMediaType = typeof NDJSON | typeof EVENTS | typeof JSON_DOCUMENT

export async function rowsResponse(
  result: ResultRows,
  mediaType: RowsMediaType,
  leave: AbortController,
): Promise<Response> {
  const headers = { ...COMMON_HEADERS, 'Content-Type': mediaType }
  if (mediaType === JSON_DOCUMENT && result.isEndless) {
    await result.rows.return('end')
    const why = `Accept: ${JSON_DOCUMENT} has an end; add LIMIT, or accept ${NDJSON}`
    throw new EdgelogError('not_acceptable', why)
  }
  if (mediaType === JSON_DOCUMENT) return new Response(await documentOf(result), { headers })
  const frame = mediaType === EVENTS ? eventOf : lineOf
  const ping = mediaType === EVENTS ? ': ping\n\n' : '\n'
  return new Response(
    lineStream(texts(result, frame), ping, () => leave.abort()),
    { headers },
  )
}

function lineOf(json: string): string {
  return `${json}\n`
}

function eventOf(json: string): string {
  return `data: ${json}\n\n`
}

async function* texts(
  { queryId, columns, rows }: ResultRows,
  frame: (json: string) => string,
): AsyncGenerator<string, void> {
  yield frame(JSON.stringify({ queryId, columns: columns.map(columnJson) }))
  const textOf = rowWriter(columns)
  try {
    for (;;) {
      const next = await rows.next()
      if (next.done === true) {
        yield frame(JSON.stringify({ end: next.value }))
        return
      }
      if (next.value.length > 0) yield next.value.map((row) => frame(textOf(row))).join('')
    }
  } catch (error) {
    yield frame(JSON.stringify({ error: errorBody(error) }))
  } finally {
    await rows.return('end')
  }
}

function rowWriter(columns: ResultRows['columns']): (row: ResultRow) => string {
  const write = rowTexts(columns)
  return ({ values, isTombstone }) =>
    isTombstone === true ? `{"tombstone":${write(values)}}` : write(values)
}

/** The response has begun, so an error can only be its last line. */
function errorBody(error: unknown) {
  if (error instanceof EdgelogError) return error.toBody()
  const requestId = crypto.randomUUID()
  report({ type: 'unexpected_error', requestId, method: 'POST', path: '/v1/sql', error })
  return new EdgelogError(
    'internal',
    `internal server error, logged as request ${requestId}`,
  ).toBody()
}

async function documentOf({ queryId, columns, rows }: ResultRows): Promise<string> {
  const textOf = rowWriter(columns)
  const all: string[] = []
  for (;;) {
    const next = await rows.next()
    if (next.done === true) {
      const head = JSON.stringify({ queryId, columns: columns.map(columnJson), end: next.value })
      return `${head.slice(0, -1)},"rows":[${all.join(',')}]}`
    }
    for (const row of next.value) all.push(textOf(row))
  }
}
