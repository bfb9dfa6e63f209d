/** Compares produce and fetch with a bare Durable Object that does the minimum for the same bytes. */
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { ServerProcess } from '../server/server-process.ts'
import { type Case, type Comparison, compare } from './compare.ts'
import { type Call, HttpLoad, postJson } from './http-load.ts'

export const BATCH = 'application/vnd.edgelog.batch'
const RECORD_BYTES = 100
const ENCODED_RECORD_BYTES = 110

export function batchOf(sizeBytes: number): Uint8Array {
  return randomBatch(Math.max(1, Math.floor((sizeBytes - 61) / ENCODED_RECORD_BYTES)))
}

/** Returns a batch of `recordsCount` records of 100 random bytes. */
export function randomBatch(recordsCount: number): Uint8Array {
  return encodeBatch(
    Array.from({ length: recordsCount }, () => ({
      timestamp: Date.now(),
      key: null,
      value: crypto.getRandomValues(new Uint8Array(RECORD_BYTES)),
      headers: [],
    })),
  )
}

export async function compareThroughput(
  ours: ServerProcess,
  floor: ServerProcess,
  rounds: number,
): Promise<Comparison[]> {
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  await loads.ours.call(createTopic('small'))
  await loads.ours.call(createTopic('large'))
  const cases = [
    oneRecordCase(),
    produceCase(100_000, 600),
    produceCase(1_000_000, 120),
    readCase(),
  ]
  return await compare(loads, cases, rounds)
}

export function createTopic(name: string, partitions = 1): Call {
  return postJson('/v1/topics', { name, partitions })
}

function oneRecordCase(): Case {
  const json = Buffer.from(JSON.stringify({ records: [{ value: 'x'.repeat(RECORD_BYTES) }] }))
  return {
    figure: 'one-record produce (JSON), 32 in flight, beside a no-op Durable Object',
    target: '>= 1.0',
    count: 6_000,
    inFlight: 32,
    weight: 1,
    ours: () => ({
      method: 'POST',
      path: '/v1/topics/small/records',
      body: json,
      headers: { 'Content-Type': 'application/json' },
    }),
    floor: () => ({ method: 'POST', path: '/noop', body: json }),
  }
}

function produceCase(sizeBytes: number, count: number): Case {
  const body = batchOf(sizeBytes)
  return {
    figure: `produce of ${sizeBytes / 1_000} kB batches, 8 in flight, beside a bare store`,
    target: '>= 0.9',
    count,
    inFlight: 8,
    weight: body.length / 1e6,
    ours: () => ({
      method: 'POST',
      path: '/v1/topics/large/partitions/0/records',
      body,
      headers: { 'Content-Type': BATCH },
    }),
    floor: () => ({ method: 'POST', path: '/store', body }),
  }
}

/** Reads the batches that the 1 MB case of the same round has written, one per call. */
function readCase(): Case {
  const sizeBytes = batchOf(1_000_000).length
  const recordsPerBatch = Math.floor((1_000_000 - 61) / ENCODED_RECORD_BYTES)
  const smallRecords = Math.floor((100_000 - 61) / ENCODED_RECORD_BYTES) * 600
  return {
    figure: 'catch-up read, binary, 1 MB a call, 4 in flight, beside a bare read',
    target: '>= 0.9',
    count: 120,
    inFlight: 4,
    weight: sizeBytes / 1e6,
    ours: (index) => ({
      method: 'GET',
      path: `/v1/topics/large/partitions/0/records?maxBytes=1048576&offset=${smallRecords + index * recordsPerBatch}`,
      headers: { Accept: BATCH },
    }),
    // The rows of the 100 kB case come first.
    floor: (index) => ({ method: 'GET', path: `/load?key=${600 + index}` }),
  }
}
