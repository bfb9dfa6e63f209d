/** A bucket of R2 that fails on request, and gives it to a partition. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { partition } from './partition-for-test.ts'

/**
 * - `fail`: nothing happens, and the call rejects.
 * - `lost`: the call takes effect, and rejects.
 * - `lie`: nothing happens, and the call says that it did.
 * - `hang`: nothing happens, and the call never responds.
 */
export type BucketFault = 'fail' | 'lost' | 'lie' | 'hang'

type Operation = 'put' | 'head' | 'delete'

export interface BucketCall {
  readonly operation: Operation
  readonly keys: readonly string[]
}

export class FaultyBucket {
  readonly calls: BucketCall[] = []
  /** Runs during a call, before it takes effect. */
  onCall: (call: BucketCall) => Promise<void> | void = () => undefined
  /** Decides on each call. */
  faultOf: (call: BucketCall) => BucketFault | undefined = () => undefined

  async put(key: string, value: Uint8Array, options: R2PutOptions): Promise<R2Object | null> {
    const bytes = Uint8Array.from(value)
    const lie = () => ({ key, size: bytes.length, checksums: { sha256: fromHex(options.sha256) } })
    return await this.#call(
      { operation: 'put', keys: [key] },
      () => env.REMOTE_LOG.put(key, bytes, options),
      () => lie() as unknown as R2Object,
    )
  }

  async head(key: string): Promise<R2Object | null> {
    const call = { operation: 'head', keys: [key] } as const
    return await this.#call(
      call,
      () => env.REMOTE_LOG.head(key),
      () => null,
    )
  }

  async delete(keys: string[]): Promise<void> {
    const call = { operation: 'delete', keys } as const
    await this.#call(
      call,
      () => env.REMOTE_LOG.delete(keys),
      () => undefined,
    )
  }

  async #call<T>(call: BucketCall, work: () => Promise<T>, lie: () => T): Promise<T> {
    this.calls.push(call)
    await this.onCall(call)
    const fault = this.faultOf(call)
    if (fault === 'fail') throw new Error(`injected: ${call.operation} failed`)
    if (fault === 'lie') return lie()
    if (fault === 'hang') return await new Promise(() => undefined)
    const result = await work()
    if (fault === 'lost') throw new Error(`injected: the response of ${call.operation} was lost`)
    return result
  }
}

function fromHex(text: unknown): ArrayBuffer {
  const bytes = (String(text).match(/../g) ?? []).map((digits) => Number.parseInt(digits, 16))
  return Uint8Array.from(bytes).buffer
}

/** Makes a partition use the bucket until it is evicted. */
export async function useBucket(name: string, bucket: FaultyBucket | undefined): Promise<void> {
  await runInDurableObject(partition(name), (instance) => {
    const own = Reflect.get(instance, 'env') as object
    Reflect.set(instance, 'env', { ...own, REMOTE_LOG: bucket })
  })
}

/** Returns the names of all objects. */
export async function objectKeys(): Promise<string[]> {
  return (await env.REMOTE_LOG.list()).objects.map(({ key }) => key)
}

export interface RemoteRows {
  readonly live: readonly string[]
  readonly changing: readonly { readonly key: string; readonly state: string }[]
}

export async function remoteRows(name: string): Promise<RemoteRows> {
  return await runInDurableObject(partition(name), (_, { storage: { sql } }) => ({
    live: sql
      .exec<{ key: string }>('SELECT object_key AS key FROM remote_segment ORDER BY base_offset')
      .toArray()
      .map(({ key }) => key),
    changing: sql
      .exec<{ key: string; state: string }>('SELECT object_key AS key, state FROM remote_change')
      .toArray(),
  }))
}
