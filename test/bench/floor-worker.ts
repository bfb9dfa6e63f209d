/**
 * The floor that edgelog is compared with: the minimum that a Worker and a Durable Object do for the same
 * request. The classes have the names of edgelog's classes, so the same server can run both.
 */
import { DurableObject } from 'cloudflare:workers'

interface Env {
  readonly REMOTE_LOG: R2Bucket
  readonly PARTITION: DurableObjectNamespace<Partition>
}

export class Partition extends DurableObject {
  #nextKey = 0

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never)
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS blob (key INTEGER PRIMARY KEY, bytes BLOB)')
    const { last } = ctx.storage.sql
      .exec<{ last: number | null }>('SELECT max(key) AS last FROM blob')
      .one()
    this.#nextKey = (last ?? -1) + 1
  }

  /** Does nothing. */
  async noop(_bytes: Uint8Array): Promise<{ readonly key: number }> {
    return { key: 0 }
  }

  /** Stores the blob in one row. */
  async store(bytes: Uint8Array): Promise<{ readonly key: number }> {
    const key = this.#nextKey++
    this.ctx.storage.sql.exec('INSERT INTO blob VALUES (?, ?)', key, bytes)
    return { key }
  }

  /** Reads and writes each blob once, each in a turn of its own. */
  async rewrite(): Promise<void> {
    for (let key = 0; key < this.#nextKey; key++) {
      const bytes = await this.load(key)
      this.ctx.storage.sql.exec('UPDATE blob SET bytes = ? WHERE key = ?', bytes, key)
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
  }

  /** Reads the blobs of another object one by one, and stores each: the floor of a task. */
  async copyFrom(name: string, count: number): Promise<void> {
    const source = (this.env as unknown as Env).PARTITION.getByName(name)
    for (let key = 0; key < count; key++) {
      const bytes = await source.load(key)
      if (bytes !== null) await this.store(bytes)
    }
  }

  /** Returns a stored blob. */
  async load(key: number): Promise<Uint8Array | null> {
    const [row] = this.ctx.storage.sql
      .exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM blob WHERE key = ?', key)
      .toArray()
    return row === undefined ? null : new Uint8Array(row.bytes)
  }
}

export class Coordinator extends DurableObject {}

export class Group extends DurableObject {}

export class Transaction extends DurableObject {}

const NEW_OBJECTS_IN_FLIGHT = 32

/** Stores one row in each of `count` new objects. */
async function storeInMany({ PARTITION }: Env, name: string, count: number): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) {
      const partition = PARTITION.getByName(`${name}/${next}`)
      next += 1
      await partition.store(new Uint8Array(100))
    }
  }
  await Promise.all(Array.from({ length: NEW_OBJECTS_IN_FLIGHT }, work))
}

/** Writes an object to R2, or returns a range of it. */
async function storedObject(
  request: Request,
  { REMOTE_LOG }: Env,
  params: URLSearchParams,
): Promise<Response> {
  const key = params.get('key') ?? ''
  if (request.method === 'PUT') {
    await REMOTE_LOG.put(key, await request.arrayBuffer())
    return new Response(null, { status: 204 })
  }
  const range = { offset: Number(params.get('offset')), length: Number(params.get('length')) }
  const object = await REMOTE_LOG.get(key, { range })
  return new Response(object === null ? null : await object.arrayBuffer())
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/store-in-many') {
      const count = Number(searchParams.get('count'))
      await storeInMany(env, searchParams.get('name') ?? '', count)
      return new Response(null, { status: 204 })
    }
    if (pathname === '/r2') return await storedObject(request, env, searchParams)
    const partition = env.PARTITION.getByName(searchParams.get('name') ?? '0')
    if (pathname === '/copy') {
      await partition.copyFrom(searchParams.get('from') ?? '', Number(searchParams.get('count')))
      return new Response(null, { status: 204 })
    }
    if (pathname === '/rewrite') {
      await partition.rewrite()
      return new Response(null, { status: 204 })
    }
    if (request.method === 'GET') {
      if (pathname !== '/load') return new Response('ok')
      const bytes = await partition.load(Number(searchParams.get('key')))
      return new Response(bytes as Uint8Array<ArrayBuffer> | null)
    }
    const bytes = new Uint8Array(await request.arrayBuffer())
    const answer = pathname === '/noop' ? await partition.noop(bytes) : await partition.store(bytes)
    return Response.json(answer)
  },
}
