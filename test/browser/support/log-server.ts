/** Requests to the real server over HTTP: past the proxies, and without the client under test. */
import { ServerProcess, type ServerProcessOptions } from '../../server/server-process.ts'

interface Fetched {
  readonly records: ReadonlyArray<{ readonly value: string | null }>
  readonly nextOffset: number
  readonly highWatermark: number
  readonly logStartOffset: number
}

export class LogServer {
  readonly process: ServerProcess
  readonly #token: string | undefined

  constructor(process: ServerProcess, token: string | undefined) {
    this.process = process
    this.#token = token
  }

  get url(): string {
    return this.process.url
  }

  async createTopic(
    name: string,
    options: { partitions?: number; config?: Record<string, unknown> } = {},
  ): Promise<void> {
    await this.request('POST', '/v1/topics', { name, ...options })
  }

  /** `null` resets a key to its default. */
  async changeConfig(topic: string, config: Record<string, unknown>): Promise<void> {
    await this.request('PATCH', `/v1/topics/${topic}`, { config })
  }

  async deleteTopic(name: string): Promise<void> {
    await this.request('DELETE', `/v1/topics/${name}`)
  }

  /** Stores each value as a record, in partition 0 by default. */
  async produce(topic: string, values: readonly string[], partition = 0): Promise<void> {
    const records = values.map((value) => ({ value }))
    await this.request('POST', `/v1/topics/${topic}/partitions/${partition}/records`, { records })
  }

  /** Returns the values of each partition, from the start of its log to its current end. */
  async readTopic(topic: string): Promise<Map<number, string[]>> {
    const { partitions } = await this.request<{ partitions: number }>('GET', `/v1/topics/${topic}`)
    const log = new Map<number, string[]>()
    for (let partition = 0; partition < partitions; partition++) {
      log.set(partition, await this.#readPartition(topic, partition))
    }
    return log
  }

  async #readPartition(topic: string, partition: number): Promise<string[]> {
    const values: string[] = []
    let from: number | 'earliest' = 'earliest'
    for (;;) {
      const path: string = `/v1/topics/${topic}/partitions/${partition}/records?offset=${from}`
      const { records, nextOffset, highWatermark } = await this.request<Fetched>('GET', path)
      values.push(...records.map(({ value }) => value ?? ''))
      if (nextOffset >= highWatermark) return values
      from = nextOffset
    }
  }

  /** @throws {Error} for any response without a success status. */
  async request<Answer>(method: string, path: string, json?: unknown): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as Answer
  }
}

export async function startLogServer(options: ServerProcessOptions = {}): Promise<LogServer> {
  return new LogServer(await ServerProcess.start(options), options.token)
}
