/**
 * Measures the compaction of a large log, beside a floor that reads and writes the same chunks once, with its effect on
 * appends, and reads of a table beside a no-op object.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { ServerProcess } from '../server/server-process.ts'
import type { RemoteCounts } from './counting-worker.ts'
import { HttpLoad, median, postJson } from './http-load.ts'
import { BATCH } from './throughput.ts'

/** Keys for each gigabyte. */
const KEYS_PER_GB = 1_000_000
const RECORD_BYTES = 250
const VALUE_BYTES = 220
const RECORDS_PER_BATCH = 4_000
const FILL_IN_FLIGHT = 2
const LATENCY_COUNT = 500
/** The log has not changed for so long: no pass follows. */
const QUIET_MS = 5_000
const TABLE_KEYS = 1_000
const TABLE_GETS = 1_000

export interface CompactionFigures {
  readonly sizeBytes: number
  readonly keys: number
  /** Time while nothing is appended, and while one record after the other is. */
  readonly tookMs: { readonly idle: number; readonly besideAppends: number }
  readonly leftBytes: number
  /** A floor that reads and writes each chunk once. */
  readonly floorMs: number
  readonly appendP99Ms: { readonly before: number; readonly during: number }
  readonly tableGetMs: { readonly ours: number; readonly noop: number }
}

const text = new TextEncoder()

function keyedBatch(keys: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES)
  crypto.getRandomValues(value)
  return encodeBatch(
    Array.from({ length: RECORDS_PER_BATCH }, () => ({
      timestamp: Date.now(),
      key: text.encode(`key-${Math.floor(Math.random() * keys)}`),
      value,
      headers: [],
    })),
  )
}

const COMPACT = { 'cleanup.policy': 'compact', 'segment.ms': 1_000 }

async function fill(load: HttpLoad, topic: string, sizeBytes: number): Promise<number> {
  const keys = Math.ceil((sizeBytes / 1e9) * KEYS_PER_GB)
  const count = Math.ceil(sizeBytes / RECORD_BYTES / RECORDS_PER_BATCH)
  await load.call(postJson('/v1/topics', { name: topic, partitions: 1 }))
  const path = `/v1/topics/${topic}/partitions/0/records`
  await load.rate(count, FILL_IN_FLIGHT, () => ({
    method: 'POST',
    path,
    body: keyedBatch(keys),
    headers: { 'Content-Type': BATCH },
  }))
  return keys
}

async function enableCompaction(server: ServerProcess, topic: string): Promise<void> {
  const response = await fetch(`${server.url}/v1/topics/${topic}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ config: COMPACT }),
  })
  if (!response.ok) throw new Error(await response.text())
}

async function sizeOf(load: HttpLoad, topic: string): Promise<number> {
  const described = await load.call({ method: 'GET', path: `/v1/topics/${topic}` })
  return JSON.parse(described.toString()).partitionDetails[0].sizeBytes
}

/** Waits until the log does not shrink any more. Returns when it shrank last. */
async function untilCompacted(load: HttpLoad, topic: string): Promise<number> {
  let lowest = await sizeOf(load, topic)
  const full = lowest
  let shrunkAtMs = performance.now()
  while (lowest === full || performance.now() - shrunkAtMs < QUIET_MS) {
    await sleep(50)
    const sizeBytes = await sizeOf(load, topic)
    if (sizeBytes < lowest) {
      lowest = sizeBytes
      shrunkAtMs = performance.now()
    }
  }
  return shrunkAtMs
}

/** Returns the times of calls that follow each other. */
async function latencies(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const startedAtMs = performance.now()
    await call()
    times.push(performance.now() - startedAtMs)
  }
  return times
}

function p99(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}

export async function measureCompaction(
  ours: ServerProcess,
  floor: ServerProcess,
  sizeBytes: number,
): Promise<CompactionFigures> {
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  const keys = await fill(loads.ours, 'idle', sizeBytes)
  const full = await sizeOf(loads.ours, 'idle')
  // Records settle for a second before the first pass.
  const idleMs = await compactionMs(ours, loads.ours, 'idle')
  const leftBytes = await sizeOf(loads.ours, 'idle')
  const { tookMs, appendP99Ms } = await compactBesideAppends(ours, loads.ours, sizeBytes)
  return {
    sizeBytes: full,
    keys,
    tookMs: { idle: idleMs, besideAppends: tookMs },
    leftBytes,
    floorMs: await rewriteFloor(loads.floor, full),
    appendP99Ms,
    tableGetMs: await measureTableGets(loads),
  }
}

async function compactionMs(server: ServerProcess, load: HttpLoad, topic: string): Promise<number> {
  const startedAtMs = performance.now()
  await enableCompaction(server, topic)
  return (await untilCompacted(load, topic)) - startedAtMs
}

async function compactBesideAppends(server: ServerProcess, load: HttpLoad, sizeBytes: number) {
  const topic = 'busy'
  await fill(load, topic, sizeBytes)
  const record = { records: [{ key: 'appended', value: 'x'.repeat(100) }] }
  const append = () => load.call(postJson(`/v1/topics/${topic}/records`, record))
  const before = await latencies(LATENCY_COUNT, append)
  let isOver = false
  const during: number[] = []
  const appending = (async () => {
    while (!isOver) during.push(...(await latencies(1, append)))
  })()
  const tookMs = await compactionMs(server, load, topic)
  isOver = true
  await appending
  return { tookMs, appendP99Ms: { before: p99(before), during: p99(during) } }
}

async function rewriteFloor(load: HttpLoad, sizeBytes: number): Promise<number> {
  const chunk = crypto.getRandomValues(new Uint8Array(65_536))
  const body = Buffer.concat(Array.from({ length: 16 }, () => chunk))
  const count = Math.ceil(sizeBytes / body.length)
  await load.rate(count, FILL_IN_FLIGHT, () => ({
    method: 'POST',
    path: '/store?name=chunks',
    body,
  }))
  const startedAtMs = performance.now()
  await load.call({ method: 'PUT', path: '/rewrite?name=chunks' })
  return performance.now() - startedAtMs
}

async function measureTableGets(loads: { readonly ours: HttpLoad; readonly floor: HttpLoad }) {
  const config = { 'cleanup.policy': 'compact', 'edgelog.table.enable': true }
  await loads.ours.call(postJson('/v1/topics', { name: 'table', partitions: 1, config }))
  const records = Array.from({ length: TABLE_KEYS }, (_, index) => ({
    key: `key-${index}`,
    value: 'x'.repeat(100),
  }))
  await loads.ours.call(postJson('/v1/topics/table/records', { records }))
  let index = 0
  const get = () => {
    index = (index + 7) % TABLE_KEYS
    return loads.ours.call({ method: 'GET', path: `/v1/topics/table/table/key-${index}` })
  }
  const noop = () =>
    loads.floor.call({ method: 'POST', path: '/noop?name=noop', body: new Uint8Array(100) })
  const ours: number[] = []
  const floor: number[] = []
  // They alternate, so a busy moment of the machine affects both.
  for (let round = 0; round < 10; round++) {
    ours.push(...(await latencies(TABLE_GETS / 10, get)))
    floor.push(...(await latencies(TABLE_GETS / 10, noop)))
  }
  return { ours: median(ours), noop: median(floor) }
}

export interface CompactionCost {
  /** Rows written per gigabyte of the log that is compacted, with alarms. */
  readonly rowsPerGb: number
  /** Rows written per 1,000 records of 100 keys that a table follows, read once a 100 records. */
  readonly tableRows: number
}

/** @param server runs the counting Worker */
export async function measureCompactionCost(server: ServerProcess): Promise<CompactionCost> {
  const load = new HttpLoad(server.url)
  const rows = async (): Promise<number> => {
    const counted = await load.call({ method: 'GET', path: '/remote-counts' })
    return (JSON.parse(counted.toString()) as RemoteCounts).rows
  }
  const sizeBytes = 100e6
  await fill(load, 'counted', sizeBytes)
  await sleep(QUIET_MS)
  const before = await rows()
  await enableCompaction(server, 'counted')
  await untilCompacted(load, 'counted')
  const compacted = await rows()
  return {
    rowsPerGb: (compacted - before) / (sizeBytes / 1e9),
    tableRows: await countTableRows(load, rows),
  }
}

async function countTableRows(load: HttpLoad, rows: () => Promise<number>): Promise<number> {
  const config = { 'cleanup.policy': 'compact', 'edgelog.table.enable': true }
  await load.call(postJson('/v1/topics', { name: 'keyed', partitions: 1, config }))
  const before = await rows()
  for (let index = 0; index < 10; index++) {
    const records = Array.from({ length: 100 }, (_, key) => ({ key: `k${key}`, value: `${index}` }))
    await load.call(postJson('/v1/topics/keyed/records', { records }))
    await load.call({ method: 'GET', path: '/v1/topics/keyed/table/k1' })
  }
  return (await rows()) - before
}
