/** Helpers for tests of tiered partitions. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { unwrap } from '../../../src/core/errors.ts'
import { FETCH_BYTES_MAX } from '../../../src/core/limits.ts'
import type { FetchRequest, FetchResult } from '../../../src/core/log/partition-api.ts'
import { RemoteObjectCache, RemoteObjects } from '../../../src/remote/remote-objects.ts'
import { readRemote } from '../../../src/remote/remote-read.ts'
import { append, largeBatch, partition, range, read } from './partition-for-test.ts'

export const CHUNK_BYTES = 100 * 1024
/** Small objects: ten chunks of `fill`. */
export const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': String(1024 * 1024),
  'retention.ms': '-1',
}

export async function describeOf(name: string) {
  return unwrap(await partition(name).describe())
}

/** Appends records of 100 KiB, each in a chunk of its own, which is large enough to stay alone. */
export async function fill(name: string, count: number, timestamp = Date.now()): Promise<void> {
  for (const _ of range(count)) await append(name, largeBatch(CHUNK_BYTES, { timestamp }))
}

/** Reads like the edge: from the partition, or from R2. */
export async function readAnywhere(
  name: string,
  request: Partial<FetchRequest> & { readonly offset: number | 'earliest' },
): Promise<FetchResult> {
  const result = await read(name, request)
  if (result.remote === undefined) return result
  const objects = new RemoteObjects(env.REMOTE_LOG, new RemoteObjectCache())
  const { remote: range, batches: _, ...ends } = result
  const limits = { maxBytes: FETCH_BYTES_MAX, minBytes: 0, maxWaitMs: 0 }
  const wanted = { ...limits, isolation: 'committed' as const, ...request, offset: result.from }
  return await readRemote(objects, { ...ends, range, expiresAtMs: 0 }, wanted)
}

/** Returns the bytes of the whole log, wherever they lie. */
export async function readWhole(name: string, maxBytes = FETCH_BYTES_MAX): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const content = 'stored' as const
  for (let offset: number | 'earliest' = 'earliest'; ; ) {
    const result = await readAnywhere(name, { offset, maxBytes, content })
    if (result.to === result.from) return concatenate(parts)
    parts.push(result.batches)
    offset = result.to
  }
}

/** Returns the bytes of the rows of chunks. */
export async function localBytes(name: string): Promise<number> {
  return await runInDurableObject(partition(name), (_, { storage }) =>
    Number(
      storage.sql
        .exec<{ sum: number }>('SELECT coalesce(sum(length(bytes)), 0) AS sum FROM chunk')
        .one().sum,
    ),
  )
}
