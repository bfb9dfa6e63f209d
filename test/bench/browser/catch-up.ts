/** Measures storing a million records in IndexedDB, and reading the last of them without the server. */
import type { Page } from 'playwright-core'
import { median } from '../http-load.ts'
import { inPage } from './in-page.ts'
import type { BenchStage } from './stage.ts'

export interface CatchUpFigures {
  readonly recordsCount: number
  readonly recordsPerSecond: number
  /** Rate of the same bytes when they are received and discarded. */
  readonly discardedPerSecond: number
  readonly rowsCount: number
  readonly rowsPerSecond: number
}

export interface ReadFigures {
  readonly recordsCount: number
  readonly readMs: number
  readonly rowsMs: number
}

export interface CacheFigures {
  readonly catchUp: CatchUpFigures
  readonly read: ReadFigures
}

export interface CacheCounts {
  readonly rounds: number
  readonly records: number
  /** Number of records for the row-per-record store; fewer, because its rate is about a tenth. */
  readonly rows: number
  readonly read: number
}

const TOPIC = 'catch-up'

export async function measureCache(stage: BenchStage, counts: CacheCounts): Promise<CacheFigures> {
  await stage.createTopic(TOPIC)
  await stage.fill(TOPIC, counts.records)
  const tookMs = { catchUp: [], discard: [], rows: [], read: [], readRows: [] } as Record<
    'catchUp' | 'discard' | 'rows' | 'read' | 'readRows',
    number[]
  >
  for (let round = 0; round < counts.rounds; round++) {
    const name = `round-${round}`
    tookMs.discard.push(await inPage(stage.openPage, (page) => discard(page, stage.server.url)))
    tookMs.catchUp.push(
      await inPage(stage.openPage, (page) => catchUp(page, stage.server.url, name)),
    )
    tookMs.rows.push(
      await inPage(stage.openPage, (page) => storeRows(page, stage.server.url, name, counts)),
    )
    await stage.server.kill()
    for (let again = 0; again < READS; again++) {
      tookMs.read.push(
        await inPage(stage.openPage, (page) => read(page, stage.server.url, name, counts)),
      )
      tookMs.readRows.push(await inPage(stage.openPage, (page) => readRows(page, name, counts)))
    }
    await stage.server.start()
    await inPage(stage.openPage, (page) => forget(page, stage.server.url, name))
  }
  const perSecond = (records: number, ms: readonly number[]) => records / (median(ms) / 1_000)
  return {
    catchUp: {
      recordsCount: counts.records,
      recordsPerSecond: perSecond(counts.records, tookMs.catchUp),
      discardedPerSecond: perSecond(counts.records, tookMs.discard),
      rowsCount: counts.rows,
      rowsPerSecond: perSecond(counts.rows, tookMs.rows),
    },
    read: {
      recordsCount: counts.read,
      readMs: median(tookMs.read),
      rowsMs: median(tookMs.readRows),
    },
  }
}

/** Number of reads of one filled cache, each in a new page. */
const READS = 3

function discard(page: Page, url: string): Promise<number> {
  return page.evaluate(
    async ([server, topic]) => {
      const startedAtMs = performance.now()
      await window.baseline.discardTail(server, topic)
      return performance.now() - startedAtMs
    },
    [url, TOPIC] as const,
  )
}

/** Returns the time from `connect` until the status has `lagRecords` 0. */
function catchUp(page: Page, url: string, principal: string): Promise<number> {
  return page.evaluate(
    async ([server, topic, owner]) => {
      const startedAtMs = performance.now()
      // Above the size of the log, so nothing is evicted.
      const cache = { bytesMax: 2 ** 30, recordsMax: 1e9 }
      const log = window.edgelog.connect({ url: server, principal: owner, cache })
      const done = new Promise<void>((resolve) => {
        log.on('status', ({ lagRecords }) => {
          if (lagRecords === 0) resolve()
        })
      })
      await log.follow(topic)
      await done
      const tookMs = performance.now() - startedAtMs
      await log.close()
      return tookMs
    },
    [url, TOPIC, principal] as const,
  )
}

function storeRows(page: Page, url: string, name: string, { rows }: CacheCounts): Promise<number> {
  return page.evaluate(
    async ([server, topic, database, count]) => {
      const startedAtMs = performance.now()
      const store = await window.baseline.RowPerRecord.open(database, server, topic)
      await store.catchUp(count)
      const tookMs = performance.now() - startedAtMs
      store.close()
      return tookMs
    },
    [url, TOPIC, name, rows] as const,
  )
}

/** Returns the time from `connect` until the last record is read. */
function read(page: Page, url: string, principal: string, counts: CacheCounts): Promise<number> {
  return page.evaluate(
    async ([server, topic, owner, from, end]) => {
      const startedAtMs = performance.now()
      const log = window.edgelog.connect({ url: server, principal: owner })
      const assignments = [{ topic, partition: 0, offset: from }]
      let valueBytes = 0
      for await (const { records, nextOffset } of await log.consumer({ assignments })) {
        for (const { value } of records) valueBytes += value?.length ?? 0
        if (nextOffset >= end) break
      }
      const tookMs = performance.now() - startedAtMs
      await log.close()
      if (valueBytes !== (end - from) * 100) throw new Error(`${valueBytes} bytes were read`)
      return tookMs
    },
    [url, TOPIC, principal, counts.records - counts.read, counts.records] as const,
  )
}

function readRows(page: Page, name: string, { rows, read: count }: CacheCounts): Promise<number> {
  return page.evaluate(
    async ([topic, database, from, end]) => {
      const startedAtMs = performance.now()
      const store = await window.baseline.RowPerRecord.open(database, '', topic)
      const found = await store.read(from, end)
      const tookMs = performance.now() - startedAtMs
      store.close()
      if (found !== end - from) throw new Error(`${found} rows were read`)
      return tookMs
    },
    [TOPIC, name, rows - count, rows] as const,
  )
}

function forget(page: Page, url: string, name: string): Promise<void> {
  return page.evaluate(
    async ([server, owner]) => {
      indexedDB.deleteDatabase(owner)
      await window.edgelog.connect({ url: server, principal: owner }).signOut()
    },
    [url, name] as const,
  )
}
