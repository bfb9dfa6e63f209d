/**
 * Question: is each statement there as a whole or not at all, when the server is killed while statements run? After
 * each kill, the streams of the catalog, the applications and the topics must belong together.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import { TEST_SEED } from '../../support/seed.ts'

const ROUNDS = 12
const STATEMENTS_PER_ROUND = 6
/** Time from the last response that a round waits for to its kill. */
const KILL_AFTER_MS_MAX = 500

/** Twelve restarts, on a busy machine. */
const TEST_MS_MAX = 900_000

const SOURCE = `CREATE STREAM src (page STRING)
  WITH (KAFKA_TOPIC='src', PARTITIONS=2, VALUE_FORMAT='JSON');`

/** `unknown`: no response came. */
type Outcome = 'done' | 'unknown'

class Statements {
  readonly #url: string
  /** The streams that must exist, and those that may. */
  readonly made = new Map<string, Outcome>()
  readonly dropped = new Map<string, Outcome>()

  constructor(url: string) {
    this.#url = url
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}${path}`)
    expect(response.ok, path).toBe(true)
    return (await response.json()) as T
  }

  async run(sql: string): Promise<Outcome> {
    const body = JSON.stringify({ sql, properties: { 'auto.offset.reset': 'earliest' } })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${this.#url}/v1/sql`, { method: 'POST', headers, body }).catch(
      () => undefined,
    )
    const text = await response?.text().catch(() => undefined)
    if (response === undefined || text === undefined || response.status >= 500) return 'unknown'
    expect(response.status, text).toBe(200)
    return 'done'
  }

  async make(name: string): Promise<void> {
    this.made.set(name, 'unknown')
    this.made.set(name, await this.run(`CREATE STREAM ${name} AS SELECT * FROM src;`))
  }

  async drop(name: string): Promise<void> {
    this.dropped.set(name, 'unknown')
    this.dropped.set(name, await this.run(`DROP STREAM IF EXISTS ${name} DELETE TOPIC;`))
  }

  /** Returns the streams of the catalog once everything outside of it belongs to it. */
  async settled(): Promise<Set<string>> {
    let streams = new Set<string>()
    await expect
      .poll(async () => {
        const found = await this.#look()
        streams = found.streams
        return found.others
      })
      .toEqual([])
    return streams
  }

  /** Returns the streams, and a line for each thing that does not belong to one, or is missing. */
  async #look(): Promise<{ streams: Set<string>; others: string[] }> {
    const body = JSON.stringify({ sql: 'SHOW STREAMS; SHOW QUERIES;' })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${this.#url}/v1/sql`, { method: 'POST', headers, body })
    const { results } = (await response.json()) as {
      results: [
        { sources: { name: string; writers: string[] }[] },
        { queries: { id: string; sink: string; status: string }[] },
      ]
    }
    const [{ sources }, { queries }] = results
    const streams = new Set(sources.map(({ name }) => name).filter((name) => name !== 'SRC'))
    const { applications } = await this.get<{ applications: { name: string }[] }>('/v1/streams')
    const { topics } = await this.get<{ topics: { name: string }[] }>('/v1/topics')
    const differ = (what: string, found: readonly string[], wanted: readonly string[]) => [
      ...found.filter((name) => !wanted.includes(name)).map((name) => `${what} ${name}: too many`),
      ...wanted.filter((name) => !found.includes(name)).map((name) => `${what} ${name}: missing`),
    ]
    const others = [
      ...queries.filter(({ status }) => status !== 'running').map(({ id, status }) => id + status),
      ...differ(
        'query',
        queries.map(({ sink }) => sink),
        [...streams],
      ),
      ...differ(
        'application',
        applications.map(({ name }) => name),
        queries.map(({ id }) => `sql-${id}`),
      ),
      ...differ(
        'topic',
        topics.map(({ name }) => name),
        ['src', ...streams],
      ),
    ]
    return { streams, others }
  }
}

/** Resolves when some of the statements have ended, however slow the machine is. */
function ended(statements: readonly Promise<void>[], count: number): Promise<void> {
  let left = count
  return new Promise((resolve) => {
    if (left === 0) resolve()
    for (const statement of statements) {
      const settle = () => {
        left -= 1
        if (left === 0) resolve()
      }
      statement.then(settle, settle)
    }
  })
}

test(
  `statements are whole after ${ROUNDS} kills (TEST_SEED=${TEST_SEED})`,
  async () => {
    const random = new Random(TEST_SEED)
    const server = await ServerProcess.start()
    try {
      const statements = new Statements(server.url)
      expect(await statements.run(`${SOURCE} INSERT INTO src VALUES ('/');`)).toBe('done')
      let streams = new Set<string>()
      for (let round = 0; round < ROUNDS; round++) {
        const droppable = [...streams]
        const running = Array.from({ length: STATEMENTS_PER_ROUND }, async (_, index) => {
          const victim = random.below(5) === 0 ? droppable.pop() : undefined
          if (victim !== undefined) await statements.drop(victim)
          else await statements.make(`S${round}_${index}`)
        })
        const all = Promise.all(running)
        await ended(running, random.below(STATEMENTS_PER_ROUND))
        await sleep(random.below(KILL_AFTER_MS_MAX))
        await server.kill()
        await all
        await server.start()
        streams = await statements.settled()
        for (const [name, outcome] of statements.made) {
          if (outcome === 'done' && !statements.dropped.has(name)) expect(streams).toContain(name)
        }
        for (const [name, outcome] of statements.dropped) {
          if (outcome === 'done') expect(streams).not.toContain(name)
        }
      }
      // Each stream that is there is also written.
      for (const name of streams) {
        await expect
          .poll(async () => {
            const ends = [0, 1].map((partition) =>
              statements.get<{ highWatermark: number }>(
                `/v1/topics/${name}/partitions/${partition}/records?offset=earliest`,
              ),
            )
            return (await Promise.all(ends)).reduce((sum, one) => sum + one.highWatermark, 0)
          })
          .toBe(1)
      }
      const outcomes = [...statements.made.values(), ...statements.dropped.values()]
      console.log(
        `${outcomes.length} statements, ${outcomes.filter((one) => one === 'unknown').length} without a response, ${streams.size} streams`,
      )
      expect(outcomes).toContain('unknown')
      expect(outcomes).toContain('done')
    } finally {
      await server.stop()
    }
  },
  TEST_MS_MAX,
)
