/** Topologies that run in Node, against the real server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../../client/index.ts'
import {
  int64,
  json,
  type RunningTopology,
  type RunOptions,
  runTopology,
  type Topology,
  text,
  topology,
} from '../../../client/streams/node/index.ts'
import { sharedServerUrl, uniqueName } from '../../server/shared-server.ts'
import { readTopic } from '../read-topic.ts'

interface Click {
  readonly page: string
}

let log: Client
let folder = ''
/** Name of the application, of its topics' prefix, and of its file. */
let name = ''
let file = ''
const started: RunningTopology[] = []

beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
  folder = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
})
beforeEach(() => {
  name = uniqueName('streams')
  file = join(folder, `${name}.db`)
})
afterAll(async () => {
  await Promise.all(started.map((running) => running.stop()))
  await log.close()
  await rm(folder, { recursive: true, force: true })
})

/** Counts the clicks of each page, which are in partitions by user. */
function pageCounts(): Topology {
  return topology(name, (builder) => {
    builder
      .stream(`${name}-clicks`, { key: text, value: json<Click>() })
      .groupBy((_, { page }) => page)
      .count({ name: 'counts' })
      .toStream()
      .to(`${name}-counts`, { value: int64 })
  })
}

async function run(options: RunOptions = {}, built = pageCounts()): Promise<RunningTopology> {
  const running = await runTopology(built, log, options)
  started.push(running)
  return running
}

async function click(user: string, page: string) {
  return await log.send(`${name}-clicks`, { key: user, value: { page } })
}

/** Returns the last count of each page in the sink, and the number of records in it. */
async function sink() {
  const topic = `${name}-counts`
  const { partitions } = await log.admin.describeTopic(topic)
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  const read = await Promise.all(numbers.map((partition) => readTopic(log, topic, partition)))
  const counts = read.flat().map(({ keyText, value }): [string | null, number] => {
    return [keyText, int64.deserialize(value as Uint8Array)]
  })
  return { counts: Object.fromEntries(counts), records: counts.length }
}

describe.each(['memory', 'file'] as const)('with storage in %s', (kind) => {
  const storage = () => (kind === 'memory' ? kind : { file })

  test('counts through a repartition topic, and answers queries', async () => {
    await log.admin.createTopic(`${name}-clicks`, { partitions: 2 })
    for (const user of ['ann', 'bob', 'cy', 'di']) {
      await click(user, '/')
      await click(user, `/${user}`)
    }
    const running = await run({ storage: storage() })
    await running.idle()
    const expected = { '/': 4, '/ann': 1, '/bob': 1, '/cy': 1, '/di': 1 }
    expect((await sink()).counts).toEqual(expected)
    const counts = running.store<string, number>('counts')
    expect(await counts.get('/')).toMatchObject({ key: '/', value: 4 })
    expect(await counts.get('/nowhere')).toBeUndefined()
    const { rows, hasMore } = await counts.range()
    expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual(expected)
    expect(hasMore).toBe(false)
    const few = await counts.range({ limit: 2 })
    expect([few.rows.length, few.hasMore]).toEqual([2, true])
    expect(
      (await counts.range({ from: '/a', to: '/bob' })).rows.map(({ key }) => key).toSorted(),
    ).toEqual(['/ann', '/bob'])
  })

  test('follows its topics', async () => {
    await log.admin.createTopic(`${name}-clicks`, { partitions: 2 })
    const running = await run({ storage: storage() })
    const counts = running.store<string, number>('counts')
    for (let count = 1; count <= 3; count++) {
      await click('ann', '/')
      await expect.poll(async () => (await counts.get('/'))?.value).toBe(count)
    }
    const { status, lag, tasks } = await running.state()
    expect([status, lag, tasks.length]).toEqual(['running', 0, 4])
    await running.stop()
    expect((await running.state()).status).toBe('stopped')
  })
})

test('reads its own write by a position', async () => {
  const topic = `${name}-facts`
  await log.admin.createTopic(topic, { partitions: 3 })
  const latest = topology(name, (builder) => {
    builder.table(topic, { key: text, value: json<number>(), name: 'facts' })
  })
  const running = await run({ storage: 'memory' }, latest)
  const facts = running.store<string, number>('facts')
  for (let value = 0; value < 10; value++) {
    const { partition, offset } = await log.send(topic, { key: `k${value % 4}`, value })
    const atLeast = { topic, partition, offset: offset + 1 }
    expect(await facts.get(`k${value % 4}`, { atLeast })).toMatchObject({ value })
  }
  const never = { topic, partition: 0, offset: 1_000 }
  await expect(facts.range({ atLeast: never, waitMs: 50 })).rejects.toMatchObject({
    code: 'unavailable',
  })
  await expect(facts.windows()).rejects.toMatchObject({ code: 'invalid_request' })
  await expect(running.store('facs').range()).rejects.toMatchObject({ code: 'not_found' })
  await expect(facts.range({ limit: 0 })).rejects.toThrow('limit: 1 to 1000 is allowed, got 0')
})

describe('a file', () => {
  test('goes on where the last run stopped, and sends nothing twice', async () => {
    await log.admin.createTopic(`${name}-clicks`)
    for (let run = 1; run <= 3; run++) {
      const running = await runTopology(pageCounts(), log, { storage: { file } })
      await click('ann', '/')
      await running.idle()
      expect(await running.store('counts').get('/')).toMatchObject({ value: run })
      await running.stop()
    }
    expect(await sink()).toEqual({ counts: { '/': 3 }, records: 3 })
  })

  test('is refused while another run has it open', async () => {
    await log.admin.createTopic(`${name}-clicks`)
    const running = await run({ storage: { file } })
    await expect(run({ storage: { file } })).rejects.toThrow(
      'is in use: one process runs an application',
    )
    await running.stop()
    await (await run({ storage: { file } })).idle()
  })

  test('is refused to another application, and to a topology that its state does not fit', async () => {
    await log.admin.createTopic(`${name}-clicks`)
    await (await run({ storage: { file } })).stop()
    await expect(run({ storage: { file }, name: `${name}-2` })).rejects.toThrow(
      `belongs to the application ${name}`,
    )
    const other = topology(name, (builder) => {
      builder.stream(`${name}-clicks`).groupByKey().count({ name: 'per-user' })
    })
    await expect(run({ storage: { file } }, other)).rejects.toMatchObject({
      code: 'invalid_topology',
    })
  })

  test('is refused when a source topic was created again, and when it grew', async () => {
    await log.admin.createTopic(`${name}-clicks`)
    await (await run({ storage: { file } })).stop()
    await log.admin.alterTopic(`${name}-clicks`, { partitions: 2 })
    await expect(run({ storage: { file } })).rejects.toThrow(
      'its topics have 2 partitions, and had 1 when it began',
    )
    await log.admin.deleteTopic(`${name}-clicks`)
    await log.admin.createTopic(`${name}-clicks`)
    await expect(run({ storage: { file } })).rejects.toThrow('it was deleted and created again')
  })

  test('that cannot be a database is refused with its name', async () => {
    await log.admin.createTopic(`${name}-clicks`)
    const storage = { file: join(folder, 'missing', 'counts.db') }
    await expect(run({ storage })).rejects.toThrow(
      `storage: the file ${storage.file} unable to open`,
    )
  })
})

test('a topic that does not exist is named with its node, and nothing is created', async () => {
  await expect(run()).rejects.toThrow(`its topic ${name}-clicks does not exist; create it first`)
  const topics = (await log.admin.listTopics()).filter((topic) => topic.name.startsWith(name))
  expect(topics).toEqual([])
})

test('a record that cannot be processed stops its task, and the error names node and record', async () => {
  await log.admin.createTopic(`${name}-clicks`)
  await log.send(`${name}-clicks`, { key: 'ann', value: 'no JSON' })
  const running = await run()
  const failures: string[] = []
  running.on('failed', ({ task, error }) => failures.push(`${task} ${error.record}`))
  await expect(running.idle()).rejects.toThrow('task 0_0 failed: node')
  expect(failures).toEqual([`0_0 ${name}-clicks/0/0`])
  expect((await running.state()).status).toBe('failed')
})

test('starts at the end with `latest`', async () => {
  await log.admin.createTopic(`${name}-clicks`)
  await click('ann', '/old')
  const running = await run({ from: 'latest' })
  await click('ann', '/new')
  await running.idle()
  expect((await running.store('counts').range()).rows).toMatchObject([{ key: '/new', value: 1 }])
})

test('does not read what an earlier run left in an internal topic', async () => {
  await log.admin.createTopic(`${name}-clicks`)
  await click('ann', '/')
  for (let run = 0; run < 2; run++) {
    const running = await runTopology(pageCounts(), log)
    await running.idle()
    expect(await running.store('counts').get('/')).toMatchObject({ value: 1 })
    await running.stop()
  }
})

test('ends with its client', async () => {
  await log.admin.createTopic(`${name}-clicks`)
  const own = connect({ url: sharedServerUrl() })
  const running = await runTopology(pageCounts(), own)
  await own.close()
  expect((await running.state()).status).toBe('stopped')
})
