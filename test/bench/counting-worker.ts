/** edgelog that counts rows written, as the platform bills them, by kind of object, and calls that append or read. */
import { Coordinator as PlainCoordinator } from '../../durable-objects/coordinator/coordinator.ts'
import { Group as PlainGroup } from '../../durable-objects/group/group.ts'
import { Partition as PlainPartition } from '../../durable-objects/partition/partition.ts'
import { Transaction as PlainTransaction } from '../../durable-objects/transaction/transaction.ts'
import { createApp } from '../../src/app/app.ts'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import type { AppendRequest, FetchRequest } from '../../src/core/log/partition-api.ts'
import { httpDoor } from '../../src/http/door.ts'
import { kafkaDoor } from '../../src/kafka/door.ts'

type KindOfObject = 'partition' | 'coordinator' | 'group' | 'transaction'

/** Rows written so far, and alarms set; each alarm is billed as a row. */
const written = {
  partition: { rows: 0, alarms: 0 },
  coordinator: { rows: 0, alarms: 0 },
  group: { rows: 0, alarms: 0 },
  transaction: { rows: 0, alarms: 0 },
} satisfies Record<KindOfObject, unknown>

export type RowsWritten = typeof written

let appendCalls = 0
/** Calls that read, or ask for the ends of the log. */
let readCalls = 0
/** Calls of R2, by method. */
const r2Calls: Record<string, number> = {}

export interface RemoteCounts {
  /** Rows that partitions wrote, and alarms that they set. */
  readonly rows: number
  /** Calls that read a partition. */
  readonly reads: number
  readonly r2: Readonly<Record<string, number>>
}

function remoteCounts(): RemoteCounts {
  const { rows, alarms } = written.partition
  return { rows: rows + alarms, reads: readCalls, r2: r2Calls }
}

/** Returns the bindings with a bucket that counts its calls. */
function withMeteredBucket<Env extends { readonly REMOTE_LOG?: R2Bucket }>(env: Env): Env {
  const { REMOTE_LOG: bucket } = env
  if (bucket === undefined) return env
  const metered = new Proxy(bucket, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        r2Calls[String(name)] = (r2Calls[String(name)] ?? 0) + 1
        return value.apply(target, args)
      }
    },
  })
  return { ...env, REMOTE_LOG: metered }
}

function metered(ctx: DurableObjectState, kind: KindOfObject): DurableObjectState {
  const { storage } = ctx
  const { sql } = storage
  const exec = sql.exec.bind(sql)
  sql.exec = ((query: string, ...bindings: SqlStorageValue[]) => {
    const cursor = exec(query, ...bindings)
    written[kind].rows += cursor.rowsWritten
    return cursor
  }) as typeof sql.exec
  const setAlarm = storage.setAlarm.bind(storage)
  storage.setAlarm = async (...args) => {
    written[kind].alarms += 1
    await setAlarm(...args)
  }
  return ctx
}

type PartitionEnv = ConstructorParameters<typeof PlainPartition>[1]

export class Partition extends PlainPartition {
  constructor(ctx: DurableObjectState, env: PartitionEnv) {
    super(metered(ctx, 'partition'), withMeteredBucket(env))
  }

  override append(request: AppendRequest) {
    appendCalls += 1
    return super.append(request)
  }

  override read(request: FetchRequest) {
    readCalls += 1
    return super.read(request)
  }

  override readSealed(offset: number) {
    readCalls += 1
    return super.readSealed(offset)
  }

  override describe() {
    readCalls += 1
    return super.describe()
  }

  override appendEach(requests: readonly AppendRequest[]) {
    appendCalls += 1
    return super.appendEach(requests)
  }
}

type CoordinatorEnv = ConstructorParameters<typeof PlainCoordinator>[1]

export class Coordinator extends PlainCoordinator {
  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(metered(ctx, 'coordinator'), env)
  }
}

type GroupEnv = ConstructorParameters<typeof PlainGroup>[1]

export class Group extends PlainGroup {
  constructor(ctx: DurableObjectState, env: GroupEnv) {
    super(metered(ctx, 'group'), env)
  }
}

type TransactionEnv = ConstructorParameters<typeof PlainTransaction>[1]

export class Transaction extends PlainTransaction {
  constructor(ctx: DurableObjectState, env: TransactionEnv) {
    super(metered(ctx, 'transaction'), env)
  }
}

const app = createApp({ doors: [httpDoor, kafkaDoor] })

export default {
  fetch(request: Request, env: EdgelogEnv, ctx: ExecutionContext) {
    const { pathname } = new URL(request.url)
    if (pathname === '/rows-written') return Response.json(written)
    if (pathname === '/append-calls') return Response.json(appendCalls)
    if (pathname === '/read-calls') return Response.json(readCalls)
    if (pathname === '/remote-counts') return Response.json(remoteCounts())
    return app.fetch(request, withMeteredBucket(env), ctx)
  },
}
