/** docs/COMPARISON.md: its programs have the types and the lines that it promises, and do what it says. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { format, promisify } from 'node:util'
import { DurableStreamTestServer } from '@durable-streams/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import type {
  KafkaEdgelogServer,
  startEdgelog as StartEdgelog,
} from '../../client/testing/index.ts'
import { ORDER_COUNT } from './comparison-child.ts'
import { CLIENTS, type ClientName, linesOf, rowsOf, type Task, tasksOf } from './comparison-page.ts'
import { ComparisonProgram, moduleOf } from './comparison-program.ts'

const { startEdgelog } = (await import('../../dist/testing.js' as string)) as {
  startEdgelog: typeof StartEdgelog
}
const execute = promisify(execFile)
const TIMEOUT_MS = 240_000
const HOUR_MS = 3_600_000
const ORDERS = Array.from({ length: ORDER_COUNT }, (_, index) => ({ item: `item ${index}` }))
const TEA = { item: 'tea' }

let page = ''
let tasks: Task[] = []
/** Within the checkout, where `edgelog` is the name of the package itself. */
let folder = ''
const closing: (() => Promise<void> | void)[] = []

beforeAll(async () => {
  page = await readFile('docs/COMPARISON.md', 'utf8')
  tasks = tasksOf(page)
  await mkdir('dist', { recursive: true })
  folder = await mkdtemp(join('dist', 'comparison-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

async function startServer(): Promise<KafkaEdgelogServer> {
  const server = await startEdgelog({ kafka: true })
  closing.push(() => server.close())
  return server
}

/** Starts the programs of a client, with the address of a server in place of the usual one. */
async function startProgram(
  client: ClientName,
  usual: string,
  address: string,
): Promise<ComparisonProgram> {
  const path = join(folder, `${client}.run.mts`)
  await writeFile(path, moduleOf(tasks, client).replace(usual, address))
  const program = new ComparisonProgram(path)
  closing.push(() => program.stop())
  return program
}

/** Returns a time later than all records until now, and not later than those that follow. */
async function timeBetween(): Promise<number> {
  await sleep(5)
  const now = Date.now()
  await sleep(5)
  return now
}

const jsonOf = (values: readonly object[]) => values.map((value) => JSON.stringify(value))
const itemsOf = (values: readonly { item: string }[]) => values.map(({ item }) => item)
/** Removes the offset before each text. */
const textsOf = (lines: readonly string[]) => lines.map((line) => line.replace(/^\d+n? /, ''))

/** Runs all tasks with a client of topics and groups, and checks what each of them does. */
async function checkLog(
  server: KafkaEdgelogServer,
  program: ComparisonProgram,
  error: string,
): Promise<void> {
  const log = connect({ url: server.url })
  closing.push(() => log.close())
  const everything = ['tea', ...jsonOf([TEA, ...ORDERS])].toSorted()

  await program.run(2)
  expect(await log.admin.listTopics()).toMatchObject([{ name: 'orders', partitions: 3 }])
  const [sent = ''] = await program.run(3)
  expect(sent).toMatch(/^[012] 0n?$/)
  await program.run(4)
  const since = await timeBetween()

  program.start(6)
  expect(textsOf(await program.lines(6, 2))).toEqual(['tea', JSON.stringify(TEA)])
  await program.run(5)
  expect(textsOf(await program.lines(6, everything.length)).toSorted()).toEqual(everything)
  program.start(7)
  program.start(8, since)
  expect((await program.lines(7, everything.length)).toSorted()).toEqual(everything)
  expect(textsOf(await program.lines(8, ORDER_COUNT)).toSorted()).toEqual(jsonOf(ORDERS).toSorted())

  expect(await program.run(9)).toEqual([error])
  const kept = await log.admin.listOffsets('orders', { timestamp: since })
  await program.run(10, since)
  expect(await log.admin.listOffsets('orders', 'earliest')).toEqual(kept)
  expect(kept.reduce((sum, { offset }) => sum + offset, 0)).toBe(2)
}

/** Checks that typed values are sent and read. */
async function checkTyped(program: ComparisonProgram): Promise<void> {
  program.start(11)
  const items = itemsOf([TEA, ...ORDERS])
  expect((await program.lines(11, items.length)).toSorted()).toEqual(items.toSorted())
}

test.concurrent('runs the programs of edgelog', { timeout: TIMEOUT_MS }, async () => {
  const server = await startServer()
  const program = await startProgram('edgelog', 'http://localhost:8787', server.url)
  await checkLog(server, program, 'message_too_large false false')
  await checkTyped(program)
})

test.concurrent('runs the programs of kafkajs', { timeout: TIMEOUT_MS }, async () => {
  const server = await startServer()
  const program = await startProgram('kafkajs', 'localhost:9092', server.bootstrapServers)
  await checkLog(server, program, 'MESSAGE_TOO_LARGE false')
})

test.concurrent('runs the programs of platformatic', { timeout: TIMEOUT_MS }, async () => {
  const server = await startServer()
  const program = await startProgram('platformatic', 'localhost:9092', server.bootstrapServers)
  await checkLog(server, program, 'MESSAGE_TOO_LARGE false')
  // Without a record behind the time, all records are deleted.
  const log = connect({ url: server.url })
  closing.push(() => log.close())
  await checkTyped(program)
  await program.run(10, Date.now() + HOUR_MS)
  const latest = await log.admin.listOffsets('orders', 'latest')
  expect(await log.admin.listOffsets('orders', 'earliest')).toEqual(latest)
})

test.concurrent('runs the programs of durable-streams', { timeout: TIMEOUT_MS }, async () => {
  const server = new DurableStreamTestServer({ port: 0 })
  await server.start()
  closing.push(() => server.stop())
  const program = await startProgram('durable-streams', 'http://localhost:4437', server.url)
  await program.run(2)
  const [offset] = await program.run(3)
  const head = await fetch(`${server.url}/orders`, { method: 'HEAD' })
  expect(head.headers.get('stream-next-offset')).toBe(offset)
  await program.run(4)
  program.start(6)
  const first = ['tea', format(TEA)]
  expect(await program.lines(6, 2)).toEqual(first)
  await program.run(5)
  const everything = [...first, ...ORDERS.map((order) => format(order))]
  expect(await program.lines(6, everything.length)).toEqual(everything)
  expect(await program.run(9)).toEqual(['400 Invalid JSON'])
  program.start(11)
  const items = ['undefined', ...itemsOf([TEA, ...ORDERS, TEA])]
  expect(await program.lines(11, items.length)).toEqual(items)
})

/** Runs a command. @throws {Error} with what it prints, if it fails */
async function check(command: string, ...args: string[]): Promise<void> {
  await execute(command, args).catch(({ stdout, stderr }) => {
    throw new Error(`${command} failed: ${stdout}${stderr}`)
  })
}

test('has programs with the right types in one format', { timeout: TIMEOUT_MS }, async () => {
  for (const client of CLIENTS) {
    await writeFile(join(folder, `${client}.mts`), moduleOf(tasks, client))
  }
  const config = {
    extends: '../../tsconfig.browser.json',
    compilerOptions: {
      paths: { edgelog: ['../../client/index.ts'] },
      // The usual `strict`, without what this project adds to it.
      noUncheckedIndexedAccess: false,
      exactOptionalPropertyTypes: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: CLIENTS.map((client) => `${client}.mts`),
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await check('tsc', '-p', folder)

  await mkdir(join(folder, 'blocks'))
  for (const { number, programs } of tasks) {
    for (const [client, program] of programs) {
      await writeFile(join(folder, 'blocks', `${number}-${client}.ts`), program)
    }
  }
  await check('biome', 'format', '--vcs-use-ignore-file=false', join(folder, 'blocks'))
})

test('has a table with the lines of each program, and edgelog has none that is longer', () => {
  expect(page.match(/^\| \d+\. .+$/gm)).toEqual(rowsOf(tasks))
  for (const { programs } of tasks) {
    const lines = linesOf(programs.get('edgelog') ?? '')
    expect(lines).toBeGreaterThan(0)
    for (const program of programs.values()) expect(lines).toBeLessThanOrEqual(linesOf(program))
  }
})

test('names the versions that are tested', async () => {
  const { version, devDependencies } = JSON.parse(await readFile('package.json', 'utf8'))
  const versions: Record<string, string> = { edgelog: version, ...devDependencies }
  const rows = [...page.matchAll(/^\| `(.+?)` \| (.+?) \|/gm)]
  expect(rows).toHaveLength(CLIENTS.length)
  for (const [, name = '', named] of rows) expect(named).toBe(versions[name])
})
