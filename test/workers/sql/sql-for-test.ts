/** SQL in workerd: statements by its door, and what they make. */

import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { CatalogView } from '../../../src/core/sql/catalog/catalog-api.ts'
import { CATALOG_OBJECT_NAME } from '../../../src/core/sql/catalog/catalog-api.ts'
import type { StatementResult } from '../../../src/core/sql/statements/statement-results.ts'
import { StreamsApp } from '../streams/streams-for-test.ts'

interface Refused {
  readonly code: string
  readonly message: string
  readonly details: {
    readonly statement?: string
    readonly line?: number
    readonly column?: number
    readonly results: readonly StatementResult[]
  }
}

export class SqlApp extends StreamsApp {
  /** Runs statements, and returns their results. */
  async run(sql: string, options: object = {}): Promise<readonly StatementResult[]> {
    const body = { sql, properties: { 'auto.offset.reset': 'earliest' }, ...options }
    const { results } = await this.json<{ results: StatementResult[] }>('POST', '/v1/sql', body)
    return results
  }

  /** Runs one statement. */
  async one(sql: string, options: object = {}): Promise<StatementResult> {
    const [result, ...others] = await this.run(sql, options)
    expect(others).toEqual([])
    return result as StatementResult
  }

  /** Runs statements of which one is refused, and returns the error. */
  async refused(sql: string, options: object = {}): Promise<Refused> {
    const response = await this.request('POST', '/v1/sql', { sql, ...options })
    const { error } = await response.json<{ error: Refused }>()
    expect(response.status, JSON.stringify(error)).toBeGreaterThanOrEqual(400)
    return error
  }

  /** Returns the values of the records of all partitions of a topic, which are JSON. */
  async values(topic: string, partitions = 2): Promise<unknown[]> {
    const all: unknown[] = []
    for (let partition = 0; partition < partitions; partition++) {
      for (const { value } of await this.records(topic, partition)) {
        all.push(JSON.parse(value as string))
      }
    }
    return all
  }

  async topicNames(): Promise<string[]> {
    const { topics } = await this.json<{ topics: { name: string }[] }>('GET', '/v1/topics')
    return topics.map(({ name }) => name)
  }
}

export function catalogStub() {
  return env.CATALOG.getByName(CATALOG_OBJECT_NAME)
}

export async function readCatalog(): Promise<CatalogView> {
  const result = await catalogStub().read(-1)
  expect(result).toHaveProperty('ok')
  return (result as unknown as { ok: CatalogView }).ok
}

/** Restarts the object of the catalog, as a crash does. */
export async function evictCatalog(): Promise<void> {
  await runInDurableObject(catalogStub(), (_, state) => state.abort('evicted')).catch(
    () => undefined,
  )
}
