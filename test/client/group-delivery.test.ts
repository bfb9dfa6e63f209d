/** The guarantees of a group over a faulty network, and across a crash of its server. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { loggingSocket } from '../crash/groups/logging-socket.ts'
import { ServerProcess } from '../server/server-process.ts'
import { Random } from '../support/random.ts'
import { TEST_SEED } from '../support/seed.ts'
import { WAIT } from '../support/until.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import {
  collect,
  committedOffsets,
  keysOf,
  type Member,
  produce,
  range,
  type Seen,
  seenIn,
  startMember,
} from './group-member.ts'
import { type LossyProxy, startLossyProxy } from './lossy-proxy.ts'

let server: ServerProcess
let proxy: LossyProxy
let cutting: CuttingProxy
let direct: Client
const seeded = new Random(TEST_SEED)
const random = () => seeded.next()

beforeAll(async () => {
  server = await ServerProcess.start()
  proxy = await startLossyProxy(server.url, random)
  cutting = await CuttingProxy.start(server.url, random)
  direct = connect({ url: server.url })
})

afterAll(async () => {
  await direct.close()
  await proxy.close()
  await cutting.close()
  await server.stop()
})

const PARTITIONS = 4

/** The finished records, and every commit beyond them. */
class Ledger {
  readonly seen: Seen[] = []
  readonly #finished = new Map<number, number>()
  readonly violations: string[] = []
  commitsBySession = 0

  /** Handles batches slowly enough that members join and leave meanwhile. */
  run({ consumer }: Member): Promise<void> {
    return consumer.run(
      async (batch) => {
        await new Promise((resolve) => setTimeout(resolve, random() * 10))
        this.seen.push(...seenIn(batch))
        const { partition, nextOffset } = batch
        const before = this.#finished.get(partition) ?? 0
        this.#finished.set(partition, Math.max(before, nextOffset))
      },
      { concurrency: 2 },
    )
  }

  /** Options of a client that calls by requests. */
  get byRequests() {
    const observed = async (input: string, init: RequestInit = {}): Promise<Response> => {
      this.#check(init.method ?? 'GET', input, String(init.body))
      return await fetch(input, init)
    }
    return { fetch: observed }
  }

  /** Options of a client that calls over a session, and by requests while there is none. */
  get bySession() {
    const made = (method: string, path: string, body: string) => {
      if (this.#check(method, path, body)) this.commitsBySession += 1
      return { succeeded: () => undefined }
    }
    return { ...this.byRequests, transport: 'session', WebSocket: loggingSocket({ made }) } as const
  }

  /** Returns whether the call is a commit. */
  #check(method: string, path: string, body: string): boolean {
    if (method !== 'POST' || !path.endsWith('/offsets')) return false
    const { offsets } = JSON.parse(body) as {
      offsets: Array<{ partition: number; offset: number }>
    }
    for (const { partition, offset } of offsets) {
      const finished = this.#finished.get(partition) ?? 0
      if (offset > finished) this.violations.push(`${partition}: ${offset} > ${finished}`)
    }
    return true
  }
}

describe(`a group (TEST_SEED=${TEST_SEED})`, () => {
  test('delivers each record, and commits no unhandled one, whatever requests are lost', async () => {
    const groupId = 'lossy'
    await direct.admin.createTopic(groupId, { partitions: PARTITIONS })
    const ledger = new Ledger()
    const options = { groupId, autoCommitIntervalMs: 30, fetchBytesMax: 500 }
    let started = 0
    // Half of the members call by requests that are lost, half over sessions that are cut.
    const start = async () => {
      const isBySession = started % 2 === 1
      started += 1
      const url = isBySession ? cutting.url : proxy.url
      const transport = isBySession ? 'auto' : 'long-poll'
      const member = await startMember(
        url,
        { ...options, transport },
        {
          ...(isBySession ? ledger.bySession : ledger.byRequests),
          random: () => random() / 20,
        },
      )
      return { member, running: ledger.run(member) }
    }
    const producing = (async () => {
      for (const round of range(0, 50)) {
        for (const partition of range(0, PARTITIONS)) {
          await produce(direct, groupId, partition, round * 10, round * 10 + 10)
        }
      }
    })()
    proxy.faults = { matches: () => true, percent: 25, delayMsMax: 20 }
    cutting.cutBytesMax = 5_000
    const members = [await start(), await start()]
    for (const _ of range(0, 3)) {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      members.push(await start())
      const leaving = members.shift()
      await leaving?.member.client.close()
      await leaving?.running
    }
    await producing
    const all = range(0, PARTITIONS).flatMap((p) => range(0, 500).map((offset) => `${p}:${offset}`))
    await vi.waitFor(() => expect(new Set(keysOf(ledger.seen)).size).toBe(all.length), WAIT)
    proxy.faults = undefined
    cutting.cutBytesMax = undefined
    await Promise.all(members.map(({ member }) => member.client.close()))
    await Promise.all(members.map(({ running }) => running))
    expect(proxy.harmed).toBeGreaterThan(0)
    expect(cutting.cuts).toBeGreaterThan(0)
    expect(ledger.commitsBySession).toBeGreaterThan(0)
    expect(ledger.violations).toEqual([])
    expect(new Set(keysOf(ledger.seen))).toEqual(new Set(all))
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 500, 1: 500, 2: 500, 3: 500 })
  })

  test('continues when its server crashes and restarts', async () => {
    const groupId = 'restarted'
    await direct.admin.createTopic(groupId, { partitions: PARTITIONS })
    const ledger = new Ledger()
    const options = { groupId, autoCommitIntervalMs: 30 }
    const members = [
      await startMember(server.url, options, ledger.byRequests),
      await startMember(server.url, { ...options, transport: 'auto' }, ledger.bySession),
    ]
    const running = members.map((member) => ledger.run(member))
    for (const round of range(0, 3)) {
      for (const partition of range(0, PARTITIONS)) {
        await produce(direct, groupId, partition, round * 10, round * 10 + 10)
      }
      await vi.waitFor(() => {
        expect(new Set(keysOf(ledger.seen)).size).toBe((round + 1) * 10 * PARTITIONS)
      }, WAIT)
      if (round === 2) break
      await server.kill()
      // The second time for longer than a session.
      if (round === 1) await new Promise((resolve) => setTimeout(resolve, 2_500))
      await server.start()
    }
    for (const { changes } of members) {
      expect(changes.some(({ lost }) => lost.length > 0)).toBe(true)
    }
    expect(ledger.commitsBySession).toBeGreaterThan(0)
    await Promise.all(members.map(({ client }) => client.close()))
    await Promise.all(running)
    expect(ledger.violations).toEqual([])
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 30, 1: 30, 2: 30, 3: 30 })
    const resumed: Seen[] = []
    const last = await startMember(server.url, { groupId })
    void collect(last.consumer, resumed)
    await produce(direct, groupId, 0, 30, 31)
    await vi.waitFor(() => expect(keysOf(resumed)).toEqual(['0:30']), WAIT)
    await last.client.close()
  })
})
