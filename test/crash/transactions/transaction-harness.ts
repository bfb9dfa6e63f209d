/**
 * Runs producers, copiers and readers of transactions against a server, kills the server at random (kill -9 of its
 * process group) and restarts it. At the end reads all logs and offsets, and checks the promises.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import type { CrashOptions } from '../harness.ts'
import type { Violation } from '../history.ts'
import { type Copy, runCopier, runOneShotCopier } from './copiers.ts'
import { Instances } from './instance.ts'
import { type Load, placesOf, settle } from './load.ts'
import { runOneShots } from './one-shots.ts'
import { runProducer, runSlowProducer } from './producers.ts'
import { readFinal, runFetchReader, runTailReader } from './readers.ts'
import { checkTransactions } from './transaction-checkers.ts'
import { TransactionClient } from './transaction-client.ts'
import type { FinalPartition, Place, TransactionHistory } from './transaction-history.ts'

export interface TransactionCrashOptions extends CrashOptions {
  /** V1, T8: time in which everything settles after the last fault. */
  readonly drainMs?: number
}

export interface TransactionCrashReport {
  readonly seed: number
  readonly rounds: number
  readonly violations: readonly Violation[]
  readonly committed: number
  readonly aborted: number
  readonly unknown: number
  readonly recordsCommitted: number
  readonly copied: number
  readonly recordsSeen: number
  readonly probes: number
}

/** A record that arrived after its transaction of one call was decided is aborted 40 s after the call. */
const DRAIN_MS_MAX = 90_000
/** A run ends when it has this many transactions, so that a slow machine checks as much; but not later than that. */
const TRANSACTIONS_MIN = 80
const CALM_MS_MAX = 20_000
const COPIES: readonly Copy[] = [0, 1].map((partition) => ({
  group: `copier-${partition}`,
  from: { topic: 'source', partition },
  to: { topic: 'copies', partition },
}))

export async function runTransactionCrash(
  options: TransactionCrashOptions,
): Promise<TransactionCrashReport> {
  const { workerPath } = options
  const server = await ServerProcess.start(workerPath === undefined ? {} : { workerPath })
  const run = new TransactionRun(server, options)
  try {
    return await run.run()
  } finally {
    run.stop()
    await server.stop()
  }
}

class TransactionRun {
  readonly #server: ServerProcess
  readonly #options: TransactionCrashOptions
  readonly #load: Load
  readonly #history: TransactionHistory & { partitions: FinalPartition[] }
  #isRunning = true
  #isOver = false

  constructor(server: ServerProcess, options: TransactionCrashOptions) {
    this.#server = server
    this.#options = options
    this.#history = {
      ...{ transactions: [], inits: [], probes: [], readers: [] },
      ...{ partitions: [], copies: [], stuck: [] },
    }
    this.#load = {
      client: new TransactionClient(server.url),
      random: new Random(options.seed),
      history: this.#history,
      isRunning: () => this.#isRunning,
      isOver: () => this.#isOver,
    }
  }

  /** Ends the load, also after an error. */
  stop(): void {
    this.#isRunning = false
    this.#isOver = true
  }

  async run(): Promise<TransactionCrashReport> {
    const { client, random } = this.#load
    const places = ['direct', 'source', 'copies'].flatMap((topic) => placesOf(topic, 2))
    for (const topic of new Set(places.map(({ topic }) => topic)))
      await client.createTopic(topic, 2)
    const running = this.#start(places)
    for (let round = 1; round <= this.#options.rounds; round++) {
      await sleep(random.between(80, 600))
      await this.#server.kill()
      await this.#server.start()
      this.#options.onRound?.(round)
    }
    await this.#calm()
    this.#isRunning = false
    const drainTimer = setTimeout(() => {
      this.#isOver = true
    }, this.#options.drainMs ?? DRAIN_MS_MAX)
    await Promise.all(running)
    await this.#readEnd(places)
    clearTimeout(drainTimer)
    return this.#report()
  }

  /** Lets the clients work without a kill. */
  async #calm(): Promise<void> {
    const endsAtMs = performance.now() + CALM_MS_MAX
    do await sleep(200)
    while (this.#history.transactions.length < TRANSACTIONS_MIN && performance.now() < endsAtMs)
  }

  #start(places: readonly Place[]): Array<Promise<void>> {
    const load = this.#load
    const instances = new Instances()
    const written = places.filter(({ topic }) => topic !== 'copies')
    const [first, second] = COPIES as [Copy, Copy]
    return [
      ...[0, 1, 2].map((n) => runProducer(load, instances, `producer-${n}`, written)),
      runSlowProducer(load, instances, 'slow', written),
      ...[0, 1].map((n) => runOneShots(load, `one-shot-${n}`, written)),
      runCopier(load, instances, 'copier', first),
      runOneShotCopier(load, second),
      ...places.map((place) => runFetchReader(load, 'committed', place)),
      ...written.map((place) => runFetchReader(load, 'uncommitted', place)),
      ...written.map((place) => runTailReader(load, place)),
    ]
  }

  async #readEnd(places: readonly Place[]): Promise<void> {
    const load = this.#load
    for (const place of places) {
      let final = await readFinal(load, place)
      while (final.lastStableOffset !== final.highWatermark && !this.#isOver) {
        await sleep(100)
        final = await readFinal(load, place)
      }
      this.#history.partitions.push(final)
    }
    for (const copy of COPIES) {
      const { reply } = await settle(load, `offsets of ${copy.group}`, () =>
        load.client.committedOffset(copy.group, copy.from),
      )
      const committedOffset = reply.kind === 'ok' ? reply.value : Number.NaN
      this.#history.copies.push({ ...copy, committedOffset })
    }
  }

  #report(): TransactionCrashReport {
    const { seed, rounds } = this.#options
    const { transactions, partitions, readers, probes } = this.#history
    const count = (outcome: string) => transactions.filter((one) => one.outcome === outcome).length
    const recordsOf = (topic?: string) =>
      partitions
        .filter((one) => topic === undefined || one.topic === topic)
        .reduce((sum, { committed }) => sum + committed.length, 0)
    return {
      ...{ seed, rounds, violations: checkTransactions(this.#history) },
      committed: count('committed'),
      aborted: count('aborted'),
      unknown: count('unknown'),
      recordsCommitted: recordsOf(),
      copied: recordsOf('copies'),
      recordsSeen: readers.reduce((sum, { seen }) => sum + seen.length, 0),
      probes: probes.length,
    }
  }
}
