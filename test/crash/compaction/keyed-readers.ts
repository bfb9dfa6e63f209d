/** Readers of a compacted topic: whole reads from the start, and one that follows as a table in a page does. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import { ABORTED_VERSION } from './keyed-transactions.ts'
import { type KeyHistory, tryFetch } from './keyed-writers.ts'

export interface ReadRecord {
  readonly offset: number
  readonly key: string
  readonly version: number
  readonly isDelete: boolean
}

export interface ReaderContext {
  readonly url: string
  readonly topic: string
  readonly keys: ReadonlyMap<string, KeyHistory>
  readonly violations: Violation[]
  readonly deleteRetentionMs: number
  readonly random: Random
  isRunning(): boolean
}

interface Page {
  readonly records: ReadonlyArray<{
    readonly offset: number
    readonly key: string
    readonly value: string | null
    readonly headers: { readonly v: string }
  }>
  readonly nextOffset: number
  readonly lastStableOffset: number
  readonly tombstonesGoneBelow?: number
}

const RETRY_MS = 50
const PAUSE_MS = 5
const AWAY_EACH_PAGES = 20
/** A read that does not move for so long is stuck; a server is down for less. */
const STUCK_MS = 60_000

async function readPage({ url, topic }: ReaderContext, offset: number): Promise<Page> {
  const path = `${url}/v1/topics/${topic}/partitions/0/records?offset=${offset}&maxBytes=20000`
  for (;;) {
    const response = await tryFetch(path)
    const page = response?.ok ? await response.json().catch(() => undefined) : undefined
    if (page !== undefined) return page as Page
    await sleep(RETRY_MS)
  }
}

function recordsOf({ violations }: ReaderContext, { records }: Page): ReadRecord[] {
  return records.map(({ offset, key, value, headers }) => {
    const version = Number(headers.v)
    if (version === ABORTED_VERSION) {
      violations.push({ promise: 'T2', what: `an aborted record of ${key} is read at ${offset}` })
    }
    return { offset, key, version, isDelete: value === null }
  })
}

/** Reads from the start to the end that the log has at the first response. */
export async function readAll(context: ReaderContext): Promise<ReadRecord[]> {
  const all: ReadRecord[] = []
  let endOffset: number | undefined
  for (let offset = 0; ; ) {
    const page = await readPage(context, offset)
    endOffset ??= page.lastStableOffset
    all.push(...recordsOf(context, page))
    if (page.nextOffset >= endOffset) return all
    if (page.nextOffset <= offset) {
      context.violations.push({ promise: 'K4', what: `a reader does not get beyond ${offset}` })
      return all
    }
    offset = page.nextOffset
  }
}

/** K1, K4: reads the whole log again and again. */
export async function runWholeReads(context: ReaderContext): Promise<void> {
  const seen = new Map<number, string>()
  while (context.isRunning()) {
    const before = acknowledgedVersions(context)
    const records = await readAll(context)
    for (const { offset, key, version, isDelete } of records) {
      const shown = `${key} ${version} ${isDelete}`
      const former = seen.get(offset) ?? shown
      seen.set(offset, shown)
      if (former !== shown) {
        context.violations.push({
          promise: 'K4',
          what: `${offset} had ${former}, and has ${shown}`,
        })
      }
    }
    const latest = new Map(records.map((record) => [record.key, record.version]))
    checkLatest(context, 'K1', before, latest)
  }
}

function acknowledgedVersions({ keys }: ReaderContext): Map<string, number> {
  return new Map([...keys].map(([key, { acknowledged }]) => [key, acknowledged]))
}

/** The latest version that was acknowledged before the read, or a later one, is there. */
function checkLatest(
  { keys, violations }: ReaderContext,
  promise: string,
  before: ReadonlyMap<string, number>,
  latest: ReadonlyMap<string, number>,
): void {
  for (const [key, acknowledged] of before) {
    const version = latest.get(key)
    const { isDelete } = keys.get(key) as KeyHistory
    const isFine =
      version === undefined ? isDelete.slice(acknowledged).includes(true) : version >= acknowledged
    if (!isFine) {
      const what = `${key}: version ${version} was read after ${acknowledged} was acknowledged`
      violations.push({ promise, what })
    }
  }
}

/**
 * K3, K4: follows the log as a table in a page does, and starts over where it is told that it missed tombstones.
 *
 * @returns its view of the keys: their versions, without deleted ones
 */
export async function follow(
  context: ReaderContext,
  endOf: () => number | undefined,
): Promise<Map<string, number>> {
  let view = new Map<string, number>()
  let offset = 0
  let movedAtMs = Date.now()
  /** When it was at the end last. */
  let atEndMs = Date.now()
  for (;;) {
    const askedAtMs = Date.now()
    const before = acknowledgedVersions(context)
    const page = await readPage(context, offset)
    const { nextOffset, lastStableOffset, tombstonesGoneBelow = 0 } = page
    if (tombstonesGoneBelow > offset && offset > 0) {
      // Horizons were set after it was at the end, and last for the retention from then on.
      if (Date.now() - atEndMs < context.deleteRetentionMs) {
        const what = `tombstones below ${tombstonesGoneBelow} are gone, of a reader at ${offset}`
        context.violations.push({ promise: 'K3', what })
      }
      view = new Map()
      offset = 0
      atEndMs = Date.now()
      continue
    }
    for (const { key, version, isDelete } of recordsOf(context, page)) {
      if (isDelete) view.delete(key)
      else view.set(key, version)
    }
    if (nextOffset > offset) movedAtMs = Date.now()
    offset = nextOffset
    if (nextOffset >= lastStableOffset) {
      atEndMs = askedAtMs
      checkLatest(context, 'K3', before, view)
    } else if (Date.now() - movedAtMs > STUCK_MS) {
      context.violations.push({ promise: 'K4', what: `a follower does not get beyond ${offset}` })
      return view
    }
    const endOffset = endOf()
    if (endOffset !== undefined && offset >= endOffset) return view
    // Now and then it is away, sometimes for so long that it may miss tombstones.
    const { random, deleteRetentionMs } = context
    const isAway = context.isRunning() && random.between(1, AWAY_EACH_PAGES) === 1
    const awayMs = random.between(1, 2) === 1 ? 2 * deleteRetentionMs : deleteRetentionMs / 2
    await sleep(isAway ? awayMs : PAUSE_MS)
  }
}
