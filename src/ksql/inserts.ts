/** `/inserts-stream`: rows in, a line each; for each an acknowledgement back, as soon as it is in the log. */
import { z } from '@hono/zod-openapi'
import type { AppContext } from '../app/env.ts'
import { lineStream } from '../app/line-stream.ts'
import { negotiate } from '../app/negotiate.ts'
import { type App, parseWith } from '../app/route.ts'
import type { RowInserter } from '../broker/sql/insert-rows.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { BAD_REQUEST, errorBody, KsqlError } from './errors.ts'
import { INSERT_LINE_BYTES_MAX, INSERT_ROWS_MAX } from './limits.ts'
import { addKsqlRoute, DELIMITED, JSON_TYPE } from './route.ts'
import { statementsOf } from './statements-of.ts'

const Target = z.looseObject({ target: z.string('the name of a stream or table is needed') })

export function addInsertsRoute(app: App): void {
  const mediaTypes = [DELIMITED, JSON_TYPE]
  addKsqlRoute(
    app,
    { method: 'post', path: '/inserts-stream', summary: 'Insert rows', mediaTypes },
    async (c) => {
      const mediaType = negotiate(c, [DELIMITED, JSON_TYPE])
      const lines = linesOf(c.req.raw.body)
      const first = await lines.next()
      const [head = '', ...rows] = first.done === true ? [] : first.value
      const { target } = parseWith(Target, parseExactJson(head), '', 'first line')
      const insert = await statementsOf(c).openInserts(nameOf(target))
      const acks = acksOf(c, insert, lines, rows)
      const texts = mediaType === JSON_TYPE ? arrayTexts(acks) : lineTexts(acks)
      return new Response(
        lineStream(texts, '', () => {}),
        {
          headers: { 'Content-Type': mediaType },
        },
      )
    },
  )
}

/** Names are in upper case, unless they are in backticks. */
function nameOf(target: string): string {
  const [, quoted] = /^`(.*)`$/s.exec(target) ?? []
  return quoted ?? target.toUpperCase()
}

/**
 * Cuts a body into its lines that are not empty, as they come: all that one part of it completes.
 *
 * @throws {KsqlError} for a line that is too long, or is not UTF-8.
 */
async function* linesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string[], void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  for await (const part of body ?? []) {
    const lines = (rest + textOf(decoder, part)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > INSERT_LINE_BYTES_MAX) {
      throw new KsqlError(BAD_REQUEST, `line: at most ${INSERT_LINE_BYTES_MAX} bytes are allowed`)
    }
    const full = lines.filter((line) => line.trim() !== '')
    if (full.length > 0) yield full
  }
  rest += textOf(decoder)
  if (rest.trim() !== '') yield [rest]
}

function textOf(decoder: TextDecoder, part?: Uint8Array): string {
  try {
    return part === undefined ? decoder.decode() : decoder.decode(part, { stream: true })
  } catch {
    throw new KsqlError(BAD_REQUEST, 'body: not valid UTF-8 text')
  }
}

/** Inserts the rows, and yields an acknowledgement of each. */
async function* acksOf(
  c: AppContext,
  insert: RowInserter,
  lines: AsyncGenerator<string[], void>,
  begun: readonly string[],
): AsyncGenerator<readonly string[], void> {
  let seq = 0
  const failed = (error: unknown) => {
    const { error_code, message } = errorBody(error, c)
    return JSON.stringify({ status: 'error', seq: seq++, error_code, message })
  }
  try {
    let rows: readonly string[] | undefined = begun
    while (rows !== undefined) {
      for (let from = 0; from < rows.length; from += INSERT_ROWS_MAX) {
        const errors = await insert(rows.slice(from, from + INSERT_ROWS_MAX))
        yield errors.map((error) =>
          error === undefined ? `{"status":"ok","seq":${seq++}}` : failed(error),
        )
      }
      const next = await lines.next()
      rows = next.done === true ? undefined : next.value
    }
  } catch (error) {
    // The response has begun, so an error can only be its last line. The rows behind it are not read.
    yield [failed(error)]
  } finally {
    await lines.return()
  }
}

async function* lineTexts(
  acks: AsyncGenerator<readonly string[], void>,
): AsyncGenerator<string, void> {
  for await (const some of acks) yield `${some.join('\n')}\n`
}

async function* arrayTexts(
  acks: AsyncGenerator<readonly string[], void>,
): AsyncGenerator<string, void> {
  let before = '['
  for await (const some of acks) {
    yield `${before}${some.join(',\n')}`
    before = ',\n'
  }
  yield before === '[' ? '[]\n' : ']\n'
}
