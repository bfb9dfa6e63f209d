/**
 * The server under test: the shared one, or a deployed one that `EDGELOG_URL` names (with `EDGELOG_TOKEN`). All tests
 * here use HTTP only, so that they can run on both.
 */
import { afterAll, beforeAll, expect } from 'vitest'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'

export const BATCH = 'application/vnd.edgelog.batch'
export const NDJSON = 'application/x-ndjson'

/** The fields of the API's responses. */
interface AnswerBody {
  readonly id: string
  readonly partitions: number
  readonly config: Record<string, unknown>
  readonly partitionDetails?: unknown
  readonly topics: ReadonlyArray<{ readonly name: string }>
  readonly offsets: ReadonlyArray<{ readonly partition: number; readonly offset: number }>
  readonly baseOffset: number
  readonly records: ReadonlyArray<{ readonly value: string }>
  readonly openapi: string
  readonly paths: Record<
    string,
    { readonly post: { readonly requestBody: { readonly content: object } } }
  >
  readonly components: {
    readonly schemas: Record<string, { readonly required: readonly string[] }>
  }
}

export interface Answer extends Response {
  json<Body = AnswerBody>(): Promise<Body>
}

export interface Target {
  url: string
  readonly request: (method: string, path: string, init?: RequestOptions) => Promise<Answer>
  /** Creates a topic, with a unique name unless one is given, and deletes it at the end. */
  readonly topic: (options?: Record<string, unknown>) => Promise<string>
}

export interface RequestOptions {
  readonly json?: unknown
  readonly body?: BodyInit
  readonly headers?: Record<string, string>
}

export function useTarget(): Target {
  const token = process.env.EDGELOG_TOKEN
  const made: string[] = []

  const target: Target = {
    url: '',
    request: async (method, path, { json, body, headers = {} } = {}) => {
      const sent = json === undefined ? body : JSON.stringify(json)
      return (await fetch(`${target.url}${path}`, {
        method,
        headers: {
          ...(json !== undefined && { 'Content-Type': 'application/json' }),
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(sent !== undefined && { body: sent, duplex: 'half' }),
      } as RequestInit)) as Answer
    },
    topic: async ({ name: wanted, ...options } = {}) => {
      const name = String(wanted ?? uniqueName('conformance'))
      const response = await target.request('POST', '/v1/topics', { json: { name, ...options } })
      expect(response.status, await response.clone().text()).toBe(201)
      made.push(name)
      return name
    },
  }

  beforeAll(() => {
    target.url = sharedServerUrl()
  })
  afterAll(async () => {
    for (const name of made) await target.request('DELETE', `/v1/topics/${name}`)
  })
  return target
}

interface ErrorResponse {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly retryable: boolean
    readonly details?: Record<string, unknown>
  }
}

/** Checks a response against the error table's status and code, and returns the error. */
export async function expectError(
  response: Response,
  status: number,
  code: string,
): Promise<ErrorResponse['error']> {
  const text = await response.text()
  expect(response.status, text).toBe(status)
  expect(response.headers.get('content-type')).toContain('application/json')
  const { error } = JSON.parse(text) as ErrorResponse
  expect(error.code, text).toBe(code)
  expect(error.message).not.toBe('')
  expect(typeof error.retryable).toBe('boolean')
  return error
}
