/** Compares catch-up from R2 with reading the same bytes of R2 bare, and counts what a gigabyte in R2 costs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../server/server-process.ts'
import { until } from '../support/until.ts'
import { type Comparison, compare } from './compare.ts'
import type { RemoteCounts } from './counting-worker.ts'
import { type Call, HttpLoad, postJson } from './http-load.ts'
import { BATCH, batchOf } from './throughput.ts'

const BATCH_BYTES = 1_000_000
const BATCHES = 144
/** Whole objects of 16 batches, without the records that are still in the partition. */
const BATCHES_READ = 128
const BATCHES_PER_OBJECT = 16
const IN_FLIGHT = 4
/** Alarms copy, and then set no other one. */
const QUIET_MS = 3_000

const TIERED = { 'remote.storage.enable': true, 'local.retention.bytes': 1 }

interface Tiered {
  /** The first offset of each batch. */
  readonly offsets: readonly number[]
  readonly bytes: number
}

async function fillTiered(load: HttpLoad, topic: string): Promise<Tiered> {
  await load.call(postJson('/v1/topics', { name: topic, partitions: 1, config: TIERED }))
  const path = `/v1/topics/${topic}/partitions/0/records`
  const offsets: number[] = []
  let bytes = 0
  for (let index = 0; index < BATCHES; index++) {
    const body = batchOf(BATCH_BYTES)
    const headers = { 'Content-Type': BATCH }
    const response = await load.call({ method: 'POST', path, body, headers })
    offsets.push(JSON.parse(response.toString()).baseOffset)
    if (index < BATCHES_READ) bytes += body.length
  }
  await until('the records are in R2', async () => {
    const described = await load.call({ method: 'GET', path: `/v1/topics/${topic}` })
    const { localStartOffset } = JSON.parse(described.toString()).partitionDetails[0].remote
    return localStartOffset >= (offsets[BATCHES_READ] ?? Number.NaN)
  })
  return { offsets: offsets.slice(0, BATCHES_READ), bytes }
}

function readCall(topic: string, offset: number): Call {
  const path = `/v1/topics/${topic}/partitions/0/records?offset=${offset}&maxBytes=1048576`
  return { method: 'GET', path, headers: { Accept: BATCH } }
}

export async function compareRemote(
  ours: ServerProcess,
  floor: ServerProcess,
  rounds: number,
): Promise<Comparison[]> {
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  const { offsets } = await fillTiered(loads.ours, 'tiered')
  const batch = batchOf(BATCH_BYTES)
  const object = Buffer.concat(Array.from({ length: BATCHES_PER_OBJECT }, () => batch))
  for (let index = 0; index < BATCHES_READ / BATCHES_PER_OBJECT; index++) {
    await loads.floor.call({ method: 'PUT', path: `/r2?key=${index}`, body: object })
  }
  const figure = 'catch-up from R2 (batches), beside reading the same ranges of R2 bare'
  const read: Parameters<typeof compare>[1][number] = {
    figure,
    target: '>= 0.8',
    count: BATCHES_READ,
    inFlight: IN_FLIGHT,
    weight: batch.length / 1e6,
    ours: (index) => readCall('tiered', offsets[index] ?? 0),
    floor: (index) => {
      const key = Math.floor(index / BATCHES_PER_OBJECT)
      const offset = (index % BATCHES_PER_OBJECT) * batch.length
      return { method: 'GET', path: `/r2?key=${key}&offset=${offset}&length=${batch.length}` }
    },
  }
  return await compare(loads, [read], rounds)
}

/** Calls and rows per gigabyte. */
export interface RemoteCost {
  /** To move it to R2: rows that the partition writes, also alarms, and calls of R2. */
  readonly moveRows: number
  readonly movePuts: number
  readonly moveHeads: number
  /** To read it once from R2 in ranges of 1 MB: calls to the partition, and gets of R2. */
  readonly readCalls: number
  readonly readGets: number
}

/** @param server runs the counting Worker */
export async function measureRemoteCost(server: ServerProcess): Promise<RemoteCost> {
  const load = new HttpLoad(server.url)
  const counts = async (): Promise<RemoteCounts> => {
    const counted = await load.call({ method: 'GET', path: '/remote-counts' })
    return JSON.parse(counted.toString())
  }
  const { offsets, bytes } = await fillTiered(load, 'tiered')
  await sleep(QUIET_MS)
  const moved = await counts()
  for (const offset of offsets) await load.call(readCall('tiered', offset))
  const read = await counts()
  const perGb = (count: number) => count / (bytes / 1e9)
  return {
    moveRows: perGb(moved.rows - BATCHES),
    movePuts: perGb(moved.r2.put ?? 0),
    moveHeads: perGb(moved.r2.head ?? 0),
    readCalls: perGb(read.reads - moved.reads),
    readGets: perGb((read.r2.get ?? 0) - (moved.r2.get ?? 0)),
  }
}
