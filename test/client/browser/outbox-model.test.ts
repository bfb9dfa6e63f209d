/**
 * Question: is every queued record in the log once and in order, or parked, after any faults
 * of tabs, requests and responses? Model: lists of the queued records of each partition.
 * Generated: commands to up to three tabs over one database (queue, lead, stop, die, network faults, a log that drops
 * its producer state). Limits: transactions are those of fake-indexeddb; a kill falls between them, never within.
 */
import 'fake-indexeddb/auto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AckWaiters } from '../../../client/browser/outbox/ack-waiters.ts'
import { checkWaiters } from '../../../client/browser/outbox/check-waiters.ts'
import { parkedRecords, pendingRecords } from '../../../client/browser/outbox/outbox-contents.ts'
import { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import { OutboxProducer } from '../../../client/browser/outbox/outbox-producer.ts'
import { OutboxSender } from '../../../client/browser/outbox/outbox-sender.ts'
import { type OutboxContext, OutboxStore } from '../../../client/browser/outbox/outbox-store.ts'
import { NO_OP_EVENTS } from '../../../client/browser/outbox/principals.ts'
import { TopicDirectory } from '../../../client/browser/outbox/topic-directory.ts'
import { Database } from '../../../client/browser/store/database.ts'
import type { ChannelMessage, OutboxMessage } from '../../../client/browser/tabs/channel.ts'
import type { Connection } from '../../../client/http/connection.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakeLog, type Weather } from './fake-log.ts'

const TOPIC = 'topic'
const PARTITIONS = 2
const TABS = 3

class World {
  readonly clock = new ManualClock()
  readonly log = new FakeLog()
  readonly queued: string[][] = Array.from({ length: PARTITIONS }, () => [])
  readonly acked: Array<{ value: string; partition: number; offset: number }> = []
  /** Records whose `acked` promise is pending. */
  readonly outstanding = new Set<{ readonly tab: Tab; readonly value: string }>()
  readonly tabs: Array<Tab | undefined> = []
  /** As for a frozen tab, or one whose leader dies between storing and publishing. */
  isNewsMissed = false
  readonly #name = `outbox-${Math.random()}`
  #made = 0
  #nextProducerId = 0n

  tab(index: number): Tab {
    const known = this.tabs[index]
    if (known !== undefined) return known
    const tab = new Tab(this, this.#name, () => this.#nextProducerId++)
    this.tabs[index] = tab
    return tab
  }

  async queue(index: number, count: number, isPoison: boolean): Promise<void> {
    const tab = this.tab(index)
    const sends = Array.from({ length: count }, async (_, n) => {
      const partition = (this.#made + n) % PARTITIONS
      const value = `${isPoison && n === 0 ? 'poison' : 'value'}-${this.#made + n}`
      this.queued[partition]?.push(value)
      const { acked } = await tab.producer.send(TOPIC, { value, partition })
      const wait = { tab, value }
      this.outstanding.add(wait)
      void acked.then(
        ({ offset }) => {
          this.acked.push({ value, partition, offset })
          this.outstanding.delete(wait)
        },
        () => this.outstanding.delete(wait),
      )
    })
    this.#made += count
    await Promise.all(sends)
  }

  async kill(index: number): Promise<void> {
    await this.tabs[index]?.end()
    this.tabs[index] = undefined
  }

  tell(news: OutboxMessage): void {
    if (this.isNewsMissed && news.kind !== 'wake') return
    for (const tab of this.tabs) tab?.receive(news)
  }

  sleepForAMonth(): void {
    this.clock.sleepThrough(31 * 86_400_000)
    this.log.forgetProducers()
  }

  change(weather: Weather): void {
    this.log.weather = weather
  }

  /** Advances the clock, and runs all due work. */
  async run(byMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < byMs; passedMs += 250) {
      this.clock.advance(250)
      for (let turn = 0; turn < 4; turn++) await new Promise((done) => setImmediate(done))
    }
  }

  /** Runs until no record waits, within bounded time. */
  async settle(): Promise<void> {
    this.log.weather = 'fine'
    const tab = this.tab(0)
    tab.lead()
    tab.sender.hint(true)
    for (let round = 0; round < 400; round++) {
      await this.run(1_000)
      const rows = await pendingRecords(tab.context, undefined)
      if (rows.length > 0) continue
      for (const living of this.tabs) await living?.check()
      return
    }
    throw new Error('the outbox does not empty')
  }
}

class Tab {
  readonly context: OutboxContext
  readonly store: OutboxStore
  readonly sender: OutboxSender
  readonly producer: OutboxProducer
  readonly #waiters = new AckWaiters()
  readonly #database: Database

  constructor(world: World, name: string, newProducerId: () => bigint) {
    const { clock } = world
    this.#database = new Database(name, clock, NO_OP_EVENTS)
    const now = () => clock.now()
    const random = () => 0.5
    this.context = { database: this.#database, newProducerId, random, now }
    this.store = new OutboxStore(this.context)
    const { fetch } = world.log
    const connection: Connection = { url: 'http://log', token: 'old', fetch, clock, random }
    const channel = { publish: (news: ChannelMessage) => world.tell(news as OutboxMessage) }
    const drain = new OutboxDrain(this.context)
    const directory = new TopicDirectory(connection, drain, channel)
    this.sender = new OutboxSender({
      connection,
      store: this.store,
      drain,
      refresh: (topic) => directory.refresh(topic),
      loadTopic: (topic) => directory.request(topic),
      isOnline: () => true,
      channel,
      renewToken: async () => false,
      stateChanged: () => {},
    })
    this.producer = new OutboxProducer({
      store: this.store,
      waiters: this.#waiters,
      now,
      admit: () => {},
      makeRoom: async () => false,
      queued: () => channel.publish({ kind: 'wake' }),
      refused: () => {},
      flush: async () => {},
    })
  }

  lead(): void {
    this.sender.start()
  }

  receive(news: OutboxMessage): void {
    if (news.kind === 'wake') this.sender.queued()
    else this.#waiters.receive(news)
  }

  async check(): Promise<void> {
    const serial = this.#waiters.nextSerial
    await checkWaiters(this.#waiters, await this.store.producers(), serial, this.store)
  }

  async end(): Promise<void> {
    this.sender.stop()
    await this.#database.close()
  }
}

type Command = (world: World) => Promise<void> | void

const tabIndex = fc.nat({ max: TABS - 1 })
const weather = fc.constantFrom<Weather>(
  'fine',
  'requestLost',
  'answerLost',
  'unauthorized',
  'throttled',
  'badGateway',
  'captivePortal',
)
const commands: fc.Arbitrary<{ text: string; run: Command }> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(tabIndex, fc.integer({ min: 1, max: 8 }), fc.nat({ max: 5 }))
      .map(([tab, count, luck]) => ({
        text: `queue ${count}${luck === 0 ? ' with poison' : ''} in ${tab}`,
        run: (world: World) => world.queue(tab, count, luck === 0),
      })),
  },
  {
    weight: 4,
    arbitrary: fc.integer({ min: 1, max: 8 }).map((steps) => ({
      text: `run ${steps * 250} ms`,
      run: (world: World) => world.run(steps * 250),
    })),
  },
  {
    weight: 3,
    arbitrary: weather.map((next) => ({
      text: `weather ${next}`,
      run: (world: World) => world.change(next),
    })),
  },
  {
    weight: 2,
    arbitrary: tabIndex.map((tab) => ({
      text: `${tab} leads`,
      run: (world: World) => world.tab(tab).lead(),
    })),
  },
  {
    weight: 1,
    arbitrary: tabIndex.map((tab) => ({
      text: `${tab} stops leading`,
      run: (world: World) => world.tabs[tab]?.sender.stop(),
    })),
  },
  {
    weight: 1,
    arbitrary: tabIndex.map((tab) => ({
      text: `${tab} dies`,
      run: (world: World) => world.kill(tab),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((isMissed) => ({
      text: `messages are ${isMissed ? 'lost' : 'delivered'}`,
      run: (world: World) => {
        world.isNewsMissed = isMissed
      },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constant({
      text: 'a month later',
      run: (world: World) => world.sleepForAMonth(),
    }),
  },
)

async function violations(steps: ReadonlyArray<{ run: Command }>, log?: Partial<FakeLog>) {
  const world = new World()
  Object.assign(world.log, log)
  try {
    for (const { run } of steps) await run(world)
    await world.settle()
    const found: string[] = []
    const parked = new Set<string>()
    for (const { record } of await parkedRecords(world.tab(0).context))
      parked.add(`${record.valueText}`)
    for (const [partition, queued] of world.queued.entries()) {
      const wanted = queued.filter((value) => !value.startsWith('poison'))
      const poison = queued.filter((value) => value.startsWith('poison'))
      const stored = world.log.values(partition)
      if (stored.join() !== wanted.join()) found.push(`${partition}: ${stored} is not ${wanted}`)
      for (const value of poison) if (!parked.has(value)) found.push(`${value} is not parked`)
    }
    for (const { tab, value } of world.outstanding) {
      if (world.tabs.includes(tab)) found.push(`${value} is neither acknowledged nor refused`)
    }
    for (const { value, partition, offset } of world.acked) {
      if (world.log.offsetOf(partition, value) < 0) found.push(`${value} is not in the log`)
      const right = offset === -1 || world.log.offsetOf(partition, value) === offset
      if (!right) found.push(`${value} was acknowledged at ${offset}`)
    }
    return found
  } finally {
    for (const index of world.tabs.keys()) await world.kill(index)
  }
}

describe('the outbox against a model', () => {
  it('stores every record in the log once and in order, or parks it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commands, { minLength: 10, maxLength: 120, size: 'max' }),
        async (steps) => {
          expect(await violations(steps), steps.map(({ text }) => text).join('; ')).toEqual([])
        },
      ),
      { ...SEEDED, numRuns: runs(150) },
    )
  })

  it('detects duplicates of a log that ignores sequences', async () => {
    const steps: Array<{ run: Command }> = [
      { run: (world) => world.queue(0, 3, false) },
      { run: (world) => world.tab(0).lead() },
      { run: (world) => world.run(500) },
      { run: (world) => world.change('answerLost') },
      { run: (world) => world.queue(0, 3, false) },
      { run: (world) => world.run(500) },
    ]
    expect(await violations(steps)).toEqual([])
    expect(await violations(steps, { ignoresSequences: true })).not.toEqual([])
  })
})
