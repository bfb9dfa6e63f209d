/** Measures a topology over the cached log in a page, beside a consumer that reads the same cache. */
import type { Page } from 'playwright-core'
import '../../browser/support/page-topology.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { median } from '../http-load.ts'
import { BATCH } from '../throughput.ts'
import { inPage } from './in-page.ts'
import type { BenchStage } from './stage.ts'

export interface TopologyFigures {
  readonly keys: number
  readonly recordsPerSecond: number
  readonly readPerSecond: number
}

const BATCH_RECORDS = 1_000
/** Makes a value of about 100 bytes. */
const NOTE = 'x'.repeat(80)

export async function measureTopology(
  stage: BenchStage,
  { rounds, records, keys }: { rounds: number; records: number; keys: number },
): Promise<TopologyFigures> {
  const topic = `numbers-${keys}`
  await stage.createTopic(topic)
  await stage.createTopic(`${topic}-sums`)
  await fillNumbers(stage.server.url, topic, records, keys)
  const tookMs = { topology: [] as number[], read: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const principal = `topology-${keys}-${round}`
    const run = { url: stage.server.url, topic, principal, records }
    await inPage(stage.openPage, (page) => fillCache(page, run))
    tookMs.read.push(await inPage(stage.openPage, (page) => readAll(page, run)))
    tookMs.topology.push(await inPage(stage.openPage, (page) => sumAll(page, run)))
    await inPage(stage.openPage, (page) =>
      page.evaluate(
        ({ url, principal: owner }) =>
          window.edgelog.connect({ url, principal: owner }).signOut({ discardPending: true }),
        run,
      ),
    )
  }
  return {
    keys,
    recordsPerSecond: records / (median(tookMs.topology) / 1_000),
    readPerSecond: records / (median(tookMs.read) / 1_000),
  }
}

async function fillNumbers(
  url: string,
  topic: string,
  records: number,
  keys: number,
): Promise<void> {
  const encoder = new TextEncoder()
  for (let from = 0; from < records; from += BATCH_RECORDS) {
    const batch = Array.from({ length: BATCH_RECORDS }, (_, index) => ({
      timestamp: Date.now(),
      key: encoder.encode(`key-${((from + index) * 7919) % keys}`),
      value: encoder.encode(JSON.stringify({ amount: index, note: NOTE })),
      headers: [],
    }))
    const response = await fetch(`${url}/v1/topics/${topic}/partitions/0/records`, {
      method: 'POST',
      headers: { 'Content-Type': BATCH },
      body: encodeBatch(batch),
    })
    if (!response.ok) throw new Error(await response.text())
  }
}

interface Run {
  readonly url: string
  readonly topic: string
  readonly principal: string
  readonly records: number
}

/** Above the size of the log, so nothing is evicted. */
const CACHE = { bytesMax: 2 ** 30, recordsMax: 1e9 }

async function fillCache(page: Page, run: Run): Promise<void> {
  await page.evaluate(
    async ([{ url, topic, principal }, cache]) => {
      const log = window.edgelog.connect({ url, principal, cache })
      const done = new Promise<void>((resolve) => {
        log.on('status', ({ lagRecords }) => {
          if (lagRecords === 0) resolve()
        })
      })
      await log.follow(topic)
      await done
      await log.close()
    },
    [run, CACHE] as const,
  )
}

/** Returns the time from `connect` until a consumer has parsed the last value. */
function readAll(page: Page, run: Run): Promise<number> {
  return page.evaluate(
    async ([{ url, topic, principal, records: end }, cache]) => {
      const startedAtMs = performance.now()
      const log = window.edgelog.connect({ url, principal, cache })
      const assignments = [{ topic, partition: 0, offset: 'earliest' as const }]
      let sum = 0
      for await (const { records, nextOffset } of await log.consumer({ assignments })) {
        for (const { valueText } of records) sum += JSON.parse(valueText as string).amount
        if (nextOffset >= end) break
      }
      const tookMs = performance.now() - startedAtMs
      await log.close()
      if (sum === 0) throw new Error('no value was read')
      return tookMs
    },
    [run, CACHE] as const,
  )
}

/** Returns the time from `connect` until a task has stored the sums of all records. */
function sumAll(page: Page, run: Run): Promise<number> {
  return page.evaluate(
    async ([{ url, topic, principal, records }, cache]) => {
      const { json, runTopology, text, topology } = await window.loadStreams()
      const startedAtMs = performance.now()
      const log = window.edgelog.connect({ url, principal, cache })
      const sums = topology(`sum-${topic}`, (builder) => {
        builder
          .stream(topic, { key: text, value: json<{ amount: number }>() })
          .groupByKey()
          .aggregate(
            () => ({ sum: 0, count: 0 }),
            (_key, { amount }, all) => ({ sum: all.sum + amount, count: all.count + 1 }),
            { name: 'sums', value: json() },
          )
          .toStream()
          .to(`${topic}-sums`, { key: text, value: json() })
      })
      const running = await runTopology(sums, log)
      await running.idle()
      const tookMs = performance.now() - startedAtMs
      const count = (await running.state()).tasks.reduce((sum, task) => sum + task.recordsCount, 0)
      await running.stop()
      await log.close()
      if (count !== records) throw new Error(`${count} of ${records} records were summed`)
      return tookMs
    },
    [run, CACHE] as const,
  )
}
