/**
 * Question: has a topology the same results in Durable Objects, in Node, and in a page?
 * Contract: with coalescing off, the records of each sink are equal byte for byte, however its turns were cut.
 * Model: the test driver. Generated: a topology and its input for each operator. Limits: one partition, one input for
 * each task.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { type RunningTopology, runTopology, testDriver } from '../../client/streams/node/index.ts'
import { readTopic } from '../client/read-topic.ts'
import { bundleWorker } from '../server/bundle-worker.ts'
import { TEST_SEED } from '../support/seed.ts'
import { buildTopology } from '../support/streams/build.ts'
import type { Case, Input } from '../support/streams/case.ts'
import {
  generatedCases,
  sinkName,
  sourceName,
  topologiesFor,
} from '../support/streams/generated-topologies.ts'
import { drainSink, pipeInput, sinkLine } from '../support/streams/run-case.ts'
import { useStage } from './support/stage.ts'

/** A page has a lot to do, for as long as a busy machine needs. */
const WAIT = { timeout: 600_000, interval: 1_000 }
const PLACES = ['object', 'node', 'page'] as const

declare global {
  interface Window {
    generated: typeof import('../support/streams/generated-topologies.ts')
  }
}

const seed = TEST_SEED % 1_000_000
const folder = await mkdtemp(join(tmpdir(), 'edgelog-everywhere-'))
const bundled = (file: string) =>
  bundleWorker(`test/support/streams/${file}.ts`, join(folder, `${file}.js`), [], {
    SEED: String(seed),
  })
const workerPath = await bundled('topologies-worker')
await bundled('generated-topologies')
const stage = useStage({ workerPath })

const ends: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Returns the lines of each sink, by its name in the case. */
function expectedOf(spec: Case): Record<string, string[]> {
  const driver = testDriver(buildTopology(spec))
  for (const input of inputsOf(spec)) pipeInput(driver, input)
  return Object.fromEntries(spec.sinks.map((sink) => [sink, drainSink(driver, sink)]))
}

function inputsOf({ inputs }: Case): Array<Exclude<Input, { advanceMs: number }>> {
  return inputs.flatMap((input) => ('advanceMs' in input ? [] : [input]))
}

async function createTopics(log: Client, cases: readonly Case[]): Promise<void> {
  const config = { 'retention.ms': -1 }
  for (const [index, spec] of cases.entries()) {
    const sources = new Set(inputsOf(spec).map(({ topic }) => sourceName(index, topic)))
    const sinks = PLACES.flatMap((place) => spec.sinks.map((sink) => sinkName(place, index, sink)))
    // Sinks first: once its sources are there, an application is deployed, and creates the sinks that are missing.
    for (const topic of [...sinks, ...sources]) {
      await log.admin.createTopic(topic, { partitions: 1, config })
    }
  }
}

async function sendInputs(log: Client, cases: readonly Case[]): Promise<void> {
  const sent = cases.flatMap((spec, index) =>
    inputsOf(spec).map(({ topic, ...record }) => log.send(sourceName(index, topic), record)),
  )
  await Promise.all(sent)
}

async function readSinks(log: Client, cases: readonly Case[], place: string): Promise<unknown[]> {
  const results: unknown[] = []
  for (const [index, { sinks }] of cases.entries()) {
    const lines: Record<string, string[]> = {}
    for (const sink of sinks) {
      const records = await readTopic(log, sinkName(place, index, sink), 0)
      lines[sink] = records.map(sinkLine)
    }
    results.push(lines)
  }
  return results
}

test('generated topologies have the same sinks in objects, in Node and in a page', {
  timeout: 1_200_000,
}, async () => {
  console.log(`TEST_SEED=${TEST_SEED}`)
  const cases = generatedCases(seed)
  const { tab } = await stage.scene()
  const log = connect({ url: stage.server.url })
  ends.push(() => log.close())
  await createTopics(log, cases)

  for (const { name } of topologiesFor('object', seed)) await log.applications.deploy(name)
  const running: RunningTopology[] = []
  for (const built of topologiesFor('node', seed)) running.push(await runTopology(built, log))
  ends.push(() => Promise.all(running.map((one) => one.stop())))
  stage.pages.addBuild('generated', folder)
  const page = await tab()
  const content = `import * as all from '/generated/generated-topologies.js'; window.generated = all`
  await page.addScriptTag({ type: 'module', content })
  await page.waitForFunction(() => window.generated !== undefined)
  await page.evaluate(async (given) => {
    const { runTopology: run } = await window.loadStreams()
    for (const built of window.generated.topologiesFor('page', given)) await run(built, window.log)
  }, seed)

  // Now, so that the places cut them into turns in their own ways.
  await sendInputs(log, cases)
  const expected = cases.map(expectedOf)
  const lines = expected.flatMap((sinks) => Object.values(sinks).flat())
  expect(lines.length).toBeGreaterThan(10 * cases.length)
  console.log(`${cases.length} topologies, ${lines.length} records in their sinks`)
  for (const place of PLACES) {
    await expect.poll(() => readSinks(log, cases, place), WAIT).toEqual(expected)
  }
})
