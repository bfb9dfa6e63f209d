/** An application of streams in workerd: its topology, its topics, and the calls of its door. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { ApplicationDescription } from '../../../src/core/streams/application-api.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import { createApp } from '../../../src/index.ts'

const ORIGIN = 'http://localhost'

/** The app of a Worker that brings topologies. */
export class StreamsApp {
  readonly #app: ReturnType<typeof createApp>

  constructor(...topologies: readonly Topology[]) {
    this.#app = createApp({ streams: topologies })
  }

  async request(method: string, path: string, body?: unknown): Promise<Response> {
    const ctx = createExecutionContext()
    const request = new Request(`${ORIGIN}${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
    const response = await this.#app.fetch(request, env as never, ctx)
    await waitOnExecutionContext(ctx)
    return response
  }

  async json<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.request(method, path, body)
    const text = await response.text()
    expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true)
    return text === '' ? (undefined as T) : (JSON.parse(text) as T)
  }

  async createTopic(name: string, partitions = 1): Promise<void> {
    await this.json('POST', '/v1/topics', { name, partitions })
  }

  async produce(topic: string, ...records: readonly object[]): Promise<void> {
    await this.json('POST', `/v1/topics/${topic}/records`, { records })
  }

  /** Returns the records of a partition. */
  async records(topic: string, partition = 0): Promise<{ key: unknown; value: unknown }[]> {
    const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=earliest`
    const { records } = await this.json<{ records: { key: unknown; value: unknown }[] }>(
      'GET',
      path,
    )
    return records.map(({ key, value }) => ({ key, value }))
  }

  describe(name: string): Promise<ApplicationDescription> {
    return this.json('GET', `/v1/streams/${name}`)
  }

  /** Waits until the application has processed everything. */
  async settled(name: string, recordsCount: number): Promise<ApplicationDescription> {
    await expect
      .poll(async () => (await this.describe(name)).recordsCount)
      .toBeGreaterThanOrEqual(recordsCount)
    await expect
      .poll(async () => (await this.describe(name)).tasks.every((task) => task.pendingTurns === 0))
      .toBe(true)
    return await this.describe(name)
  }
}
