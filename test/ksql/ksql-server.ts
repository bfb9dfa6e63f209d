/** Calls of ksqlDB's API in tests, on the server that all tests share. */
import { sharedServerUrl } from '../server/shared-server.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

export const DELIMITED = 'application/vnd.ksqlapi.delimited.v1'
export const KSQL_JSON = 'application/vnd.ksql.v1+json'

let namesMade = 0

/** Returns a name for a source that no other test has. Topics have it in lower case. */
export function newName(prefix: string): string {
  namesMade += 1
  return `${prefix}_${process.pid}_${Date.now()}_${namesMade}`.toUpperCase()
}

export async function get(path: string): Promise<Answer> {
  return await answerOf(await fetch(`${sharedServerUrl()}/ksqldb${path}`))
}

/** @param body An object is sent as JSON, a text as it is. */
export async function post(path: string, body: unknown, accept?: string): Promise<Answer> {
  return await answerOf(await open(path, body, accept))
}

export function open(
  path: string,
  body: unknown,
  accept?: string,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${sharedServerUrl()}/ksqldb${path}`, {
    method: 'POST',
    headers: { 'Content-Type': KSQL_JSON, ...(accept !== undefined && { Accept: accept }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal !== undefined && { signal }),
  })
}

async function answerOf(response: Response): Promise<Answer> {
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, type, text: await response.text() }
}

/** Runs statements, and returns their entities. */
export async function ksql(text: string): Promise<Record<string, unknown>[]> {
  const answer = await post('/ksql', { ksql: text })
  if (answer.status !== 200) throw new Error(answer.text)
  return JSON.parse(answer.text)
}

/** Makes a stream over a new topic; returns its name. */
export async function newStream(columns: string, partitions = 1): Promise<string> {
  const name = newName('s')
  const topic = name.toLowerCase()
  await ksql(
    `CREATE STREAM ${name} (${columns}) WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON', PARTITIONS=${partitions});`,
  )
  return name
}

export async function insert(stream: string, rows: readonly object[]): Promise<Answer> {
  const lines = [{ target: stream }, ...rows].map((line) => JSON.stringify(line))
  return await post('/inserts-stream', `${lines.join('\n')}\n`)
}

export const EARLIEST = { 'auto.offset.reset': 'earliest' }

/** Reads a response line by line, as it comes. */
export async function* linesOf(response: Response): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of response.body ?? []) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') yield line
  }
}
