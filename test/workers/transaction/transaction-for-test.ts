/** Helpers of the tests of transaction coordinators: a producer, participants that record their calls, faults. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import { SYSTEM_CLOCK } from '../../../durable-objects/transaction/clock.ts'
import type { Transaction } from '../../../durable-objects/transaction/transaction.ts'
import { EdgelogError, type Result } from '../../../src/core/errors.ts'
import { type GroupId, parseGroupId } from '../../../src/core/group/group-id.ts'
import { COORDINATOR_OBJECT_NAME } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import {
  type EndTransactionRequest,
  type PartitionParticipant,
  type ProducerIdAndEpoch,
  type TransactionDescription,
  type TransactionOutcome,
  type TransactionVersion,
  transactionObjectName,
} from '../../../src/core/transaction/transaction-api.ts'
import { coordinator } from '../coordinator/cluster.ts'

export const TIMEOUT_MS = 60_000

/** Returns a new stub per call: one that met an abort stays broken. */
export function objectOf(name: string): DurableObjectStub<Transaction> {
  return env.TRANSACTION.getByName(name)
}

let ids = 0

export function newId(): string {
  ids += 1
  return `id-${ids}`
}

export function ok<T>(result: unknown): T {
  const given = result as Result<T>
  if ('error' in given) throw new Error(`${given.error.code}: ${given.error.message}`)
  return given.ok
}

/** Returns the code of an error, or `ok`. */
export function codeOf(result: unknown): string {
  const given = result as Result<unknown>
  return 'error' in given ? given.error.code : 'ok'
}

export function partition(index: number): PartitionParticipant {
  return { topicId: 'topic-id', topic: parseTopicName('orders'), partition: index }
}

export function partitions(count: number): PartitionParticipant[] {
  return Array.from({ length: count }, (_, index) => partition(index))
}

export const GROUP = parseGroupId('billing')

/** A client that uses one transactional id. */
export class Producer {
  readonly id: string
  readonly version: TransactionVersion
  current: ProducerIdAndEpoch = { producerId: -1n, producerEpoch: -1 }

  constructor(id = newId(), version: TransactionVersion = 2) {
    this.id = id
    this.version = version
  }

  get object(): DurableObjectStub<Transaction> {
    return objectOf(transactionObjectName(this.id))
  }

  async init(): Promise<Result<ProducerIdAndEpoch>> {
    const request = { transactionalId: this.id, timeoutMs: TIMEOUT_MS }
    const result = (await this.object.initProducerId(request)) as Result<ProducerIdAndEpoch>
    if ('ok' in result) this.current = result.ok
    return result
  }

  async add(
    added: readonly PartitionParticipant[],
    groups: readonly GroupId[] = [],
  ): Promise<Result<{ readonly number: number }>> {
    return await this.object.addParticipants({
      transactionalId: this.id,
      version: this.version,
      ...this.current,
      partitions: added,
      groups,
    })
  }

  /** Ends the transaction; the next one uses the producer of the response. */
  async end(outcome: TransactionOutcome, producer = this.current) {
    const { id: transactionalId, version } = this
    const request = { transactionalId, version, outcome, ...producer }
    const result = (await this.object.end(request)) as Result<
      ProducerIdAndEpoch & { readonly isComplete: boolean }
    >
    if ('ok' in result) {
      const { producerId, producerEpoch } = result.ok
      this.current = { producerId, producerEpoch }
    }
    return result
  }

  async describe(): Promise<TransactionDescription> {
    return ok(await this.object.describe())
  }

  /** Begins a transaction with some partitions and a group. */
  async begin(count = 2): Promise<void> {
    ok(await this.init())
    ok(await this.add(partitions(count), [GROUP]))
  }
}

// -- participants ------------------------------------------------------------------------------

type Behaviour = (name: string, end: () => Result<null>) => Promise<Result<null>> | Result<null>

/** Replaces all participants until `vi.restoreAllMocks()`. They end a transaction once, as partitions and groups do. */
export class FakeParticipants {
  /** Every call: `orders/0 commit 1` is an end of number 1. */
  readonly calls: string[] = []
  /** Each transaction that ended at a participant. A second outcome of one number throws. */
  readonly ended = new Map<string, EndTransactionRequest>()
  behaviour: Behaviour = (_, end) => end()
  #underWay = 0
  underWayMax = 0

  constructor() {
    const namespace = Object.getPrototypeOf(env.PARTITION) as DurableObjectNamespace
    const { get, getByName } = namespace
    const replace = (stub: DurableObjectStub, name: string) => this.#replaceEnd(stub, name)
    vi.spyOn(namespace, 'get').mockImplementation(function (
      this: DurableObjectNamespace,
      id,
      options,
    ) {
      return replace(get.call(this, id, options), id.name ?? '')
    })
    vi.spyOn(namespace, 'getByName').mockImplementation(function (
      this: DurableObjectNamespace,
      name,
      options,
    ) {
      const stub = getByName.call(this, name, options)
      return name === GROUP ? replace(stub, name) : stub
    })
  }

  #replaceEnd(stub: DurableObjectStub, name: string): DurableObjectStub {
    return new Proxy(stub, {
      get: (target, property) => {
        if (property === 'endTransaction') {
          return (request: EndTransactionRequest) => this.#end(name, request)
        }
        return Reflect.get(target, property, target)
      },
    })
  }

  async #end(name: string, request: EndTransactionRequest): Promise<Result<null>> {
    const { producerId, number, outcome } = request
    this.calls.push(`${name} ${outcome} ${number}`)
    this.#underWay += 1
    this.underWayMax = Math.max(this.underWayMax, this.#underWay)
    try {
      return await this.behaviour(name, () => {
        const key = `${name} ${producerId} ${number}`
        const earlier = this.ended.get(key)
        if (
          earlier !== undefined &&
          JSON.stringify(shown(earlier)) !== JSON.stringify(shown(request))
        ) {
          throw new Error(`two different ends of one transaction: ${key}`)
        }
        this.ended.set(key, request)
        return { ok: null }
      })
    } finally {
      this.#underWay -= 1
    }
  }

  /** Returns what ended: `orders/0 commit 1/5` for number 1 and the marker's epoch 5. */
  summary(): string[] {
    return [...this.ended]
      .map(([key, { outcome, number, producerEpoch }]) => {
        return `${key.split(' ')[0]} ${outcome} ${number}/${producerEpoch}`
      })
      .sort()
  }
}

function shown(request: EndTransactionRequest) {
  return { ...request, producerId: String(request.producerId) }
}

/** A gate that holds calls back until it is opened. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

export const unavailable: Result<null> = {
  error: new EdgelogError('unavailable', 'injected').toBody(),
}

// -- the object and the list -------------------------------------------------------------------

export async function evict(name: string): Promise<void> {
  await evictDurableObject(objectOf(name))
}

export async function alarmTime(name: string): Promise<number | null> {
  return await runInDurableObject(objectOf(name), (_, { storage }) => storage.getAlarm())
}

/** Runs the alarm handler, whether the alarm is set or not. */
export async function runAlarm(name: string): Promise<void> {
  await runInDurableObject(objectOf(name), (instance) => instance.alarm())
}

/** Returns whether the object has stored anything: a table or an alarm. */
export async function isStored(name: string): Promise<boolean> {
  return await runInDurableObject(objectOf(name), async (_, { storage }) => {
    const tables = storage.sql.exec(`SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'`)
    return tables.toArray().length > 0 || (await storage.getAlarm()) !== null
  })
}

export async function listed(): Promise<readonly string[]> {
  return ok(await coordinator().listTransactions('', 10_000))
}

/** Makes calls to the list fail until `vi.restoreAllMocks()`. */
export function failList(fault: 'refuse' | 'lose the response'): void {
  const namespace = Object.getPrototypeOf(env.COORDINATOR) as DurableObjectNamespace
  const getByName = namespace.getByName
  vi.spyOn(namespace, 'getByName').mockImplementation(function (
    this: DurableObjectNamespace,
    name,
    options,
  ) {
    const stub = getByName.call(this, name, options)
    if (name !== COORDINATOR_OBJECT_NAME) return stub
    return new Proxy(stub, {
      get(target, property) {
        const value = Reflect.get(target, property, target) as (...args: unknown[]) => unknown
        if (property !== 'registerTransactionalId' && property !== 'forgetTransactionalId') {
          return value
        }
        return async (...args: unknown[]) => {
          if (fault === 'lose the response') await Reflect.apply(value, target, args)
          throw new Error(`injected: ${fault}`)
        }
      },
    })
  })
}

// -- time --------------------------------------------------------------------------------------

/** Replaces the timers of coordinators until `vi.restoreAllMocks()`: no result depends on the speed of the machine. */
export class FakeTimers {
  #elapsedMs = 0

  constructor() {
    vi.spyOn(SYSTEM_CLOCK, 'schedule').mockImplementation((delayMs, work) => {
      // The object that waits has to look by itself: another one must not run its code.
      const look = () => (delayMs <= this.#elapsedMs ? work() : again())
      const again = () => {
        timer = setTimeout(look, 2)
      }
      let timer = setTimeout(look, 0)
      return () => clearTimeout(timer)
    })
  }

  /** From now on, waits up to this long are over at once, also those under way. Others do not end. */
  elapse(ms: number): void {
    this.#elapsedMs = ms
  }
}

/** Moves the clock so far that no alarm fires by itself during a test. */
export function stopAlarms(): void {
  pass(60 * 60 * 1_000)
}

/** Lets the clock go on; otherwise it stands still. Timers do not follow it. */
export function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}
