/** Sends statements to `POST /v1/sql`, and reads the lines of a query as they arrive. */
import { EdgelogError, type ErrorBody, isErrorCode } from '../../src/core/errors.ts'
import type { Clock, Timer } from '../clock.ts'
import { type Connection, readBody, request } from '../http/connection.ts'
import { RequestError, unavailable } from '../http/request-error.ts'
import { SQL_ROW_LENGTH_MAX, SQL_SILENCE_MS_MAX } from '../limits.ts'
import type { SqlText } from './sql-text.ts'

export interface SqlColumn {
  readonly name: string
  /** The type as SQL shows it, such as `BIGINT`. */
  readonly type: string
  readonly isKey: boolean
}

/** The result of a statement that is no query: its kind, its text, and the fields of the kind. */
export interface SqlStatementResult {
  readonly statement: string
  readonly kind: string
  readonly [field: string]: unknown
}

/** A row of a result. `isTombstone`: the table has no row with the key any more, and only the key has values. */
export interface SqlRowLine {
  readonly values: readonly unknown[]
  readonly isTombstone: boolean
}

export interface OpenQuery {
  readonly kind: 'query'
  readonly queryId: string
  readonly columns: readonly SqlColumn[]
  /** Lists of rows as they arrive; it returns why the query has ended. */
  readonly rows: AsyncGenerator<readonly SqlRowLine[], 'limit' | 'end'>
  /** Ends the query. */
  close(): void
}

export interface DoneStatements {
  readonly kind: 'statements'
  readonly results: readonly SqlStatementResult[]
}

export interface SqlRequest extends SqlText {
  /** As by SET, such as `auto.offset.reset`. */
  readonly properties?: Readonly<Record<string, string>>
  /** As by DEFINE. */
  readonly variables?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** True: numbers with more digits than JavaScript keeps are texts. */
  readonly exactNumbers?: boolean
}

const NDJSON = 'application/x-ndjson'

/**
 * Sends statements, or one query. It resolves when the statements are carried out, or the query has begun.
 *
 * @throws {RequestError} the error of the server or the network; the reason of `signal` if it was aborted.
 */
export async function openStatements(
  connection: Connection,
  sent: SqlRequest,
): Promise<OpenQuery | DoneStatements> {
  const { text, parameters, properties, variables, signal } = sent
  const call = {
    method: 'POST',
    body: JSON.stringify({ sql: text, parameters, properties, variables }),
    contentType: 'application/json',
    accept: `${NDJSON}, application/json;q=0.9`,
    signal,
  } as const
  const opened = await request(connection, '/v1/sql', call, async (response, keepAlive) => {
    if (response.headers.get('content-type')?.startsWith(NDJSON)) return response
    return resultsOf(new TextDecoder().decode(await readBody(response, keepAlive)))
  })
  if (!(opened instanceof Response)) return { kind: 'statements', results: opened }
  return await openQuery(opened, connection.clock, sent)
}

function resultsOf(text: string): readonly SqlStatementResult[] {
  const { results } = JSON.parse(text) as { readonly results?: readonly SqlStatementResult[] }
  if (Array.isArray(results)) return results
  throw new RequestError('unavailable', 'the response has no results of statements', {
    status: 200,
    isForeign: true,
  })
}

interface QueryHeader {
  readonly queryId: string
  readonly columns: readonly SqlColumn[]
}

interface ErrorLine {
  readonly error: ErrorBody
}

type RowsLine =
  | readonly unknown[]
  | { readonly tombstone: readonly unknown[] }
  | { readonly end: 'limit' | 'end' }
  | ErrorLine

async function openQuery(
  { body }: Response,
  clock: Clock,
  { signal, exactNumbers = false }: SqlRequest,
): Promise<OpenQuery> {
  const reader = (body ?? new Blob([]).stream()).getReader()
  const ended = new AbortController()
  const close = () => {
    ended.abort()
    signal?.removeEventListener('abort', close)
    reader.cancel().catch(() => undefined)
  }
  signal?.addEventListener('abort', close, { once: true })
  if (signal?.aborted === true) close()
  const context: RowsContext = {
    lines: readLines(reader, clock),
    ended: ended.signal,
    signal,
    close,
  }
  try {
    const [first, ...rest] = (await context.lines.next()).value ?? []
    if (first === undefined) throw cutShort()
    const header = JSON.parse(first) as QueryHeader | ErrorLine
    if ('error' in header) throw errorOf(header)
    const rows = readRows(context, rest, exactNumbers)
    return { ...{ kind: 'query', queryId: header.queryId, columns: header.columns }, rows, close }
  } catch (error) {
    close()
    signal?.throwIfAborted()
    throw readError(error)
  }
}

interface RowsContext {
  readonly lines: AsyncGenerator<readonly string[], undefined>
  readonly ended: AbortSignal
  readonly signal: AbortSignal | undefined
  readonly close: () => void
}

async function* readRows(
  { lines, ended, signal, close }: RowsContext,
  begun: readonly string[],
  exactNumbers: boolean,
): AsyncGenerator<readonly SqlRowLine[], 'limit' | 'end'> {
  try {
    let some: readonly string[] | undefined = begun
    for (; some !== undefined; some = (await lines.next()).value) {
      const rows: SqlRowLine[] = []
      for (const text of some) {
        const line = parseRowJson(text, exactNumbers) as RowsLine
        if (!Array.isArray(line) && !('tombstone' in line) && rows.length > 0) yield rows
        if ('end' in line) return line.end
        if ('error' in line) throw errorOf(line)
        const isTombstone = 'tombstone' in line
        rows.push({ values: isTombstone ? line.tombstone : line, isTombstone })
      }
      if (rows.length > 0) yield rows
    }
    if (ended.aborted && signal?.aborted !== true) return 'end'
    throw cutShort()
  } catch (error) {
    signal?.throwIfAborted()
    throw readError(error)
  } finally {
    close()
  }
}

/** Yields the lines of a body as they arrive. The server sends empty lines while there are no rows. */
async function* readLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  clock: Clock,
): AsyncGenerator<readonly string[], undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const value = await readChunk(reader, clock)
    if (value === undefined) return undefined
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > SQL_ROW_LENGTH_MAX) {
      throw new EdgelogError('internal', `a row has more than ${SQL_ROW_LENGTH_MAX} characters`)
    }
    const full = lines.filter((line) => line !== '')
    if (full.length > 0) yield full
  }
}

/** @throws {EdgelogError} `unavailable` if nothing arrives: the connection is lost. */
async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  clock: Clock,
): Promise<Uint8Array | undefined> {
  let timer: Timer
  const silence = new Promise<never>((_, reject) => {
    const why = `no line of the query within ${SQL_SILENCE_MS_MAX} ms`
    timer = clock.setTimeout(() => reject(new EdgelogError('unavailable', why)), SQL_SILENCE_MS_MAX)
  })
  try {
    return (await Promise.race([reader.read(), silence])).value
  } finally {
    clock.clearTimeout(timer)
  }
}

/** Parses the JSON of a row. */
export function parseRowJson(text: string, exactNumbers: boolean): unknown {
  return JSON.parse(exactNumbers ? quoteLongNumbers(text) : text)
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][+-]?\d+)?/g

/** Makes texts of the numbers that have more digits than JavaScript keeps. */
function quoteLongNumbers(json: string): string {
  if (!/\d[\d.]{15}/.test(json)) return json
  return json.replaceAll(STRING_OR_NUMBER, (part) => {
    const isPlain = part.length <= 15 || /["eE]/.test(part) || String(Number(part)) === part
    return isPlain ? part : `"${part}"`
  })
}

function errorOf({ error: { code, message, details } }: ErrorLine): EdgelogError {
  return new EdgelogError(isErrorCode(code) ? code : 'internal', message, { details })
}

function cutShort(): EdgelogError {
  return new EdgelogError('unavailable', 'the response of the query was cut short')
}

function readError(error: unknown): EdgelogError {
  return error instanceof EdgelogError ? error : unavailable(error)
}
