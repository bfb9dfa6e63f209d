/** The guarantees of a group over a faulty network, and across a crash of its server. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { Random } from '../support/random.ts'
import { TEST_SEED } from '../support/seed.ts'
import { WAIT } from '../support/until.ts'
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
let direct: Client
const seeded = new Random(TEST_SEED)
const random = () => seeded.next()

beforeAll(async () => {
  server = await ServerProcess.start()
  proxy = await startLossyProxy(server.url, random)
  direct = connect({ url: server.url })
})

afterAll(async () => {
  await direct.close()
  await proxy.close()
  await server.stop()
})

const PARTITIONS = 4

/** The finished records, and every commit beyond them. */
class Ledger {
  readonly seen: Seen[] = []
  readonly #finished = new Map<number, number>()
  readonly violations: string[] = []

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

  /** The `fetch` option of a client. */
  readonly fetch = async (input: string, init?: RequestInit): Promise<Response> => {
    if (init?.method === 'POST' && input.endsWith('/offsets')) {
      const { offsets } = JSON.parse(String(init.body)) as {
        offsets: Array<{ partition: number; offset: number }>
      }
      for (const { partition, offset } of offsets) {
        const finished = this.#finished.get(partition) ?? 0
        if (offset > finished) this.violations.push(`${partition}: ${offset} > ${finished}`)
      }
    }
    return await fetch(input, init)
  }
}

describe(`a group (TEST_SEED=${TEST_SEED})`, { timeout: 120_000 }, () => {
  test('delivers each record, and commits no unhandled one, whatever requests are lost', async () => {
    const groupId = 'lossy'
    await direct.admin.createTopic(groupId, { partitions: PARTITIONS })
    const ledger = new Ledger()
    const options = { groupId, autoCommitIntervalMs: 30, fetchBytesMax: 500 }
    const start = async () => {
      const member = await startMember(proxy.url, options, {
        fetch: ledger.fetch,
        random: () => random() / 20,
      })
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
    await Promise.all(members.map(({ member }) => member.client.close()))
    await Promise.all(members.map(({ running }) => running))
    expect(proxy.harmed).toBeGreaterThan(20)
    expect(ledger.violations).toEqual([])
    expect(new Set(keysOf(ledger.seen))).toEqual(new Set(all))
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 500, 1: 500, 2: 500, 3: 500 })
  })

  test('continues when its server crashes and restarts', async () => {
    const groupId = 'restarted'
    await direct.admin.createTopic(groupId, { partitions: PARTITIONS })
    const ledger = new Ledger()
    const options = { groupId, autoCommitIntervalMs: 30 }
    const start = () => startMember(server.url, options, { fetch: ledger.fetch })
    const members = [await start(), await start()]
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
    expect(members[0]?.changes.some(({ lost }) => lost.length > 0)).toBe(true)
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
