/** edgelog with an R2 that fails as `PUT /faults/{mode}` says, for crash runs. A new process begins without faults. */
import { Partition as PlainPartition } from '../../../durable-objects/partition/partition.ts'
import { createApp, type EdgelogEnv } from '../../../src/index.ts'

export { Application, Coordinator, Group, Task, Transaction } from '../../../src/index.ts'

/**
 * - `fail`: nothing happens, and the call rejects.
 * - `lost`: the call takes effect, and rejects.
 * - `hang`: nothing happens, and the call never responds.
 * - `lie`: nothing happens, and the call says that it did.
 */
const FAULTS = ['fail', 'lost', 'hang', 'lie'] as const
type Fault = (typeof FAULTS)[number]

/** `hang-once`: the next write of an object of the topic `?topicId=` hangs, and no other call has a fault. */
const MODES = ['none', 'random', 'hang-once'] as const

const FAULTS_PERCENT = 40

let mode: (typeof MODES)[number] = 'none'
/** Topic whose write hangs once. */
let hangingTopicId = ''
/** Faults so far, by kind. */
const made: Record<Fault, number> = { fail: 0, lost: 0, hang: 0, lie: 0 }

/** @param writtenKey key of the object that the call writes */
function nextFault(writtenKey = ''): Fault | undefined {
  if (mode === 'none') return undefined
  if (mode === 'hang-once') {
    if (!writtenKey.includes(hangingTopicId)) return undefined
    mode = 'none'
    return 'hang'
  }
  const isFaulty = Math.random() * 100 < FAULTS_PERCENT
  return isFaulty ? FAULTS[Math.floor(Math.random() * FAULTS.length)] : undefined
}

/**
 * @param lie returns the response of a call that says yes; without one it fails instead
 * @param writtenKey key of the object that the call writes
 */
async function call<T>(work: () => Promise<T>, lie?: () => T, writtenKey?: string): Promise<T> {
  const fault = nextFault(writtenKey)
  if (fault !== undefined) made[fault] += 1
  if (fault === 'hang') return await new Promise(() => undefined)
  if (fault === 'lie' && lie !== undefined) return lie()
  if (fault === 'fail' || fault === 'lie') throw new Error('injected: R2 failed')
  const result = await work()
  if (fault === 'lost') throw new Error('injected: the response of R2 was lost')
  return result
}

/** Returns a bucket with faults in the calls of partitions. */
function withFaults(bucket: R2Bucket): R2Bucket {
  const put = (key: string, value: Uint8Array<ArrayBuffer>, options: R2PutOptions) => {
    const sha256 = fromHex(String(options.sha256))
    const object = { key, size: value.length, checksums: { sha256 } } as unknown as R2Object
    return call(
      () => bucket.put(key, value, options),
      () => object,
      key,
    )
  }
  const head = (key: string) => call(() => bucket.head(key))
  // An object that R2 only says to have deleted would be left for ever.
  const remove = (keys: string[]) => call(() => bucket.delete(keys))
  return { put, head, delete: remove } as unknown as R2Bucket
}

function fromHex(text: string): ArrayBuffer {
  const digits = text.match(/../g) ?? []
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16)).buffer
}

type PartitionEnv = ConstructorParameters<typeof PlainPartition>[1]

export class Partition extends PlainPartition {
  constructor(ctx: DurableObjectState, env: PartitionEnv) {
    const { REMOTE_LOG: bucket } = env
    super(ctx, bucket === undefined ? env : { ...env, REMOTE_LOG: withFaults(bucket) })
  }
}

const app = createApp()

export default {
  fetch(request: Request, env: EdgelogEnv, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/faults') return Response.json(made)
    const wanted = MODES.find((one) => pathname === `/faults/${one}`)
    if (wanted === undefined) return app.fetch(request, env, ctx)
    mode = wanted
    hangingTopicId = searchParams.get('topicId') ?? ''
    return new Response(null, { status: 204 })
  },
}
