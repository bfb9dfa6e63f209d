/** Compares sealed chunks that the cache of the edge has with fetches, and counts the calls to the partition. */
import type { ServerProcess } from '../server/server-process.ts'
import { type Comparison, compare } from './compare.ts'
import { type Call, HttpLoad, postJson } from './http-load.ts'
import { BATCH, batchOf } from './throughput.ts'

const CHUNKS = 120
const IN_FLIGHT = 4
const CHUNK = batchOf(1_000_000)

export interface SealedFigures {
  readonly rates: readonly Comparison[]
  /** Calls to the partition while all chunks were read once: first, and from the cache. */
  readonly calls: { readonly cold: number; readonly warm: number }
}

/** @param server runs the counting Worker */
export async function measureSealedReads(
  server: ServerProcess,
  rounds: number,
): Promise<SealedFigures> {
  const load = new HttpLoad(server.url)
  const created = await load.call(postJson('/v1/topics', { name: 'sealed' }))
  const { id } = JSON.parse(created.toString())
  const records = '/v1/topics/sealed/partitions/0/records'
  const headers = { 'Content-Type': BATCH }
  await load.rate(CHUNKS, 1, () => ({ method: 'POST', path: records, body: CHUNK, headers }))
  const described = await load.call({ method: 'GET', path: '/v1/topics/sealed' })
  const { partitionDetails } = JSON.parse(described.toString())
  const chunkRecords = partitionDetails[0].highWatermark / CHUNKS
  const sealed = (index: number): Call => ({
    method: 'GET',
    path: `/v1/topics/${id}/partitions/0/sealed/${index * chunkRecords}`,
  })
  const fetched = (index: number): Call => ({
    method: 'GET',
    path: `${records}?maxBytes=1048576&offset=${index * chunkRecords}`,
    headers: { Accept: BATCH },
  })
  const callsOfAll = async () => {
    const before = await readCalls(load)
    await load.rate(CHUNKS, IN_FLIGHT, sealed)
    return (await readCalls(load)) - before
  }
  const cold = await callsOfAll()
  const warm = await callsOfAll()
  const rates = await compare(
    { ours: load, floor: load },
    [
      {
        figure: 'catch-up by sealed chunks of 1 MB from the cache, 4 in flight, beside fetches',
        target: '',
        count: CHUNKS,
        inFlight: IN_FLIGHT,
        weight: CHUNK.length / 1e6,
        ours: sealed,
        floor: fetched,
      },
    ],
    rounds,
  )
  return { rates, calls: { cold, warm } }
}

async function readCalls(load: HttpLoad): Promise<number> {
  return Number(await load.call({ method: 'GET', path: '/read-calls' }))
}
