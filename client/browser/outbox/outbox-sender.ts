/**
 * Sends the records of the outbox: up to `SENDS_MAX` partitions at a time, the one whose last turn is longest ago
 * first. Runs in the leading tab; two senders at once only cost requests.
 *
 *   round   starts the turns of partitions with waiting records
 *   turn    sends to one partition, one request at a time; its end begins the next round
 *
 * Partitions do not wait for one another: a turn that takes long uses one of the `SENDS_MAX`.
 */
import { sleep } from '../../clock.ts'
import { asEdgelogError } from '../../producer/delivery-error.ts'
import { OFFLINE_CHECK_MS, SENDS_MAX, TURN_SENDS_MAX } from '../limits.ts'
import { type ProducerRow, TRANSACTIONS_TOPIC } from '../store/schema.ts'
import { type OutboxStore, pendingOf } from './outbox-store.ts'
import { PartitionSender, type PartitionSenderContext } from './partition-sender.ts'
import { QueueRhythm } from './queue-rhythm.ts'
import { EVERYWHERE, keyOf, SendHealth, type SendHealthContext } from './send-health.ts'

export interface SenderContext extends SendHealthContext, Omit<PartitionSenderContext, 'health'> {
  readonly store: OutboxStore
  /** Refreshes the metadata of a topic that has records to send. */
  readonly refresh: (topic: string) => void
  readonly isOnline: () => boolean
}

export class OutboxSender {
  readonly #context: SenderContext
  readonly #health: SendHealth
  readonly #partitions: PartitionSender
  readonly #rhythm = new QueueRhythm()
  /** Shared by all partitions. If each gathered alone, the first to end would let the others begin again. */
  #gathering: Promise<void> | undefined
  /** Number of the last turn of each partition. */
  readonly #lastTurns = new Map<string, number>()
  #turnsBegun = 0
  #session: AbortController | undefined
  #isWoken = false
  #rest: AbortController | undefined

  constructor(context: SenderContext) {
    this.#context = context
    this.#health = new SendHealth(context)
    this.#partitions = new PartitionSender({ ...context, health: this.#health })
  }

  start(): void {
    if (this.#session !== undefined) return
    this.#session = new AbortController()
    void this.#run(this.#session.signal)
  }

  stop(): void {
    this.#session?.abort()
    this.#session = undefined
    this.#health.setState('idle')
  }

  /** Records were queued. */
  queued(): void {
    this.#rhythm.queued(this.#context.connection.clock.now())
    this.wake()
  }

  /** Ends the rest. */
  wake(): void {
    this.#isWoken = true
    this.#rest?.abort()
  }

  /** Retries delayed partitions within a second, because the network or the token may have changed. */
  hint(isToken = false): void {
    this.#health.hint(isToken)
    this.wake()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const turns = new Set<string>()
    while (!signal.aborted) {
      this.#isWoken = false
      let waitMs: number
      try {
        waitMs = await this.#round(turns, signal)
      } catch (error) {
        // The database failed.
        this.#health.fail(EVERYWHERE, asEdgelogError(error))
        waitMs = this.#health.waitMs(EVERYWHERE)
      }
      await this.#sleep(waitMs, signal)
    }
  }

  /**
   * @param turns the partitions that have their turn
   * @returns the time to rest, unless it is woken
   */
  async #round(turns: Set<string>, signal: AbortSignal): Promise<number> {
    await this.#gather(signal)
    const pending = (await this.#context.store.producers()).filter((row) => pendingOf(row) > 0)
    if (signal.aborted) return 0
    const health = this.#health
    if (pending.length === 0) {
      if (turns.size === 0 && health.state !== 'live') health.setState('idle')
      return Number.POSITIVE_INFINITY
    }
    if (!this.#context.isOnline()) {
      health.setState('offline')
      return OFFLINE_CHECK_MS
    }
    for (const { topic } of pending) {
      if (topic !== TRANSACTIONS_TOPIC) this.#context.refresh(topic)
    }
    const waiting = pending.filter((row) => !turns.has(keyOf(row)))
    const due = waiting.filter((row) => health.waitMs(keyOf(row)) <= 0)
    // Reported once per outage, however many retries there are.
    const isFirstTry = health.state === 'idle' || health.state === 'offline'
    if (due.length > 0 && isFirstTry) health.setState('connecting')
    const begun = this.#inTurn(due).slice(0, SENDS_MAX - turns.size)
    for (const row of begun) void this.#turn(row, turns, signal)
    // The end of a turn wakes the sender.
    if (turns.size === SENDS_MAX) return Number.POSITIVE_INFINITY
    return Math.min(
      ...waiting.filter((row) => !begun.includes(row)).map((row) => health.waitMs(keyOf(row))),
    )
  }

  /**
   * Returns the partition whose last turn is longest ago first. Those without a turn are before it in random order,
   * so that pages which live briefly do not all send to the same ones.
   */
  #inTurn(due: readonly ProducerRow[]): ProducerRow[] {
    const { random } = this.#context.connection
    return due
      .map((row) => ({ row, turn: this.#lastTurns.get(keyOf(row)) ?? -random() }))
      .toSorted((one, other) => one.turn - other.turn)
      .map(({ row }) => row)
  }

  /** Sends to one partition until it is empty or delayed, `TURN_SENDS_MAX` times at most. */
  async #turn(row: ProducerRow, turns: Set<string>, signal: AbortSignal): Promise<void> {
    const key = keyOf(row)
    turns.add(key)
    this.#turnsBegun += 1
    this.#lastTurns.set(key, this.#turnsBegun)
    try {
      for (let sends = 0; sends < TURN_SENDS_MAX; sends++) {
        // The round has gathered before.
        if (sends > 0) await this.#gather(signal)
        if (signal.aborted || this.#health.waitMs(key) > 0) break
        if (!(await this.#partitions.sendOldest(row, signal))) break
      }
    } catch (error) {
      // The database failed.
      if (!signal.aborted) this.#health.fail(EVERYWHERE, asEdgelogError(error))
    } finally {
      turns.delete(key)
      this.wake()
    }
  }

  #gather(signal: AbortSignal): Promise<void> {
    this.#gathering ??= this.#untilGathered(signal).finally(() => {
      this.#gathering = undefined
    })
    return this.#gathering
  }

  async #untilGathered(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.connection
    for (;;) {
      const waitMs = this.#rhythm.waitMs(clock.now())
      if (waitMs <= 0 || signal.aborted) return
      await sleep(clock, waitMs, signal)
    }
  }

  async #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken || waitMs <= 0 || signal.aborted) return
    this.#rest = new AbortController()
    const ended = AbortSignal.any([signal, this.#rest.signal])
    await sleep(this.#context.connection.clock, Math.min(waitMs, OFFLINE_CHECK_MS), ended)
    this.#rest = undefined
  }
}
