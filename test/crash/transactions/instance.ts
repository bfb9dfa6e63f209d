/** One producer of a transactional id: sends, commits and aborts as a correct client does, and notes each result. */
import { beginEvent, type Load, type Settled, settle } from './load.ts'
import type { EndedReply, Producer } from './transaction-client.ts'
import {
  type Place,
  placeKey,
  type SentOffset,
  type TransactionEvent,
} from './transaction-history.ts'

const TIMEOUT_MS = 60_000

/** Numbers the producers of each transactional id in a run. */
export class Instances {
  readonly #counts = new Map<string, number>()

  next(transactionalId: string): number {
    const instance = (this.#counts.get(transactionalId) ?? 0) + 1
    this.#counts.set(transactionalId, instance)
    return instance
  }
}

export class Instance {
  readonly id: string
  readonly number: number
  readonly #load: Load
  #producer: Producer
  /** The producer of the last transaction that ended. */
  #former: Producer | undefined
  #sequences = new Map<string, number>()
  #transactions = 0

  private constructor(load: Load, id: string, number: number, producer: Producer) {
    this.#load = load
    this.id = id
    this.number = number
    this.#producer = producer
  }

  /** Takes over the transactional id. Resolves to undefined after the time to drain. */
  static async start(
    load: Load,
    instances: Instances,
    id: string,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Instance | undefined> {
    const { client, history } = load
    const { reply } = await settle(load, `init ${id}`, () => client.init(id, timeoutMs))
    if (reply.kind !== 'ok') return undefined
    // Counted when it is answered: so the numbers have the order of the epochs.
    const instance = instances.next(id)
    history.inits.push({ transactionalId: id, instance, answeredAt: performance.now() })
    return new Instance(load, id, instance, reply.value)
  }

  begin(): TransactionEvent {
    this.#transactions += 1
    this.#sequences = new Map()
    const name = `${this.id}/${this.number}/${this.#transactions}`
    return beginEvent(this.#load, name, this.id, this.number)
  }

  /** Returns whether the records are in the open transaction. */
  async send(event: TransactionEvent, place: Place, values: readonly string[]): Promise<boolean> {
    const baseSequence = this.#sequences.get(placeKey(place)) ?? 0
    const records = values.map((value) => ({ ...place, value }))
    event.records.push(...records)
    const { reply } = await settle(this.#load, `send of ${event.name}`, () =>
      this.#load.client.send(this.id, this.#producer, place, baseSequence, values),
    )
    if (reply.kind !== 'ok') return false
    const [baseOffset = Number.NaN] = reply.value.baseOffsets
    for (const [index, record] of records.entries()) {
      Object.assign(record, { offset: baseOffset + index })
    }
    this.#sequences.set(placeKey(place), baseSequence + values.length)
    return true
  }

  async commitOffset(event: TransactionEvent, offset: SentOffset): Promise<boolean> {
    event.offsets.push(offset)
    const { reply } = await settle(this.#load, `offsets of ${event.name}`, () =>
      this.#load.client.commitOffset(this.id, this.#producer, offset),
    )
    return reply.kind === 'ok'
  }

  /** Commits, and repeats the call until it is answered; returns the response if the transaction is committed. */
  async commit(event: TransactionEvent): Promise<EndedReply | undefined> {
    event.commitInvokedAt = performance.now()
    return this.#noteCommit(event, await this.#end('commit'))
  }

  /** Sends one commit and does not wait for its effect if there is no response, as a client that dies. */
  async commitOnce(event: TransactionEvent): Promise<EndedReply | undefined> {
    event.commitInvokedAt = performance.now()
    const reply = await this.#load.client.end(this.id, this.#producer, 'commit')
    // A temporary refusal is no decision: an earlier commit may be under way.
    return this.#noteCommit(event, { reply, wasUnknown: false })
  }

  /** Returns whether the transaction is aborted and the producer may go on. */
  async abort(): Promise<boolean> {
    const { reply } = await this.#end('abort')
    if (reply.kind === 'ok') this.#goOn(reply.value)
    return reply.kind === 'ok'
  }

  /** Repeats the last commit: it must get the same response. */
  async repeatCommit(event: TransactionEvent): Promise<void> {
    const former = this.#former
    if (former === undefined) return
    const { reply } = await settle(this.#load, `repeated commit of ${event.name}`, () =>
      this.#load.client.end(this.id, former, 'commit'),
    )
    if (reply.kind !== 'unknown') event.answers.push(answerOf(reply))
  }

  /** Aborts the transaction that was committed: that must be refused. */
  async abortCommitted(event: TransactionEvent): Promise<void> {
    const former = this.#former
    if (former === undefined) return
    const { reply } = await settle(this.#load, `late abort of ${event.name}`, () =>
      this.#load.client.end(this.id, former, 'abort'),
    )
    if (reply.kind === 'unknown') return
    const what = `${event.name}: an abort after the commit: ${JSON.stringify(reply)}`
    this.#load.history.probes.push({ promise: 'T7', what, isKept: reply.kind === 'fail' })
  }

  #end(outcome: 'commit' | 'abort'): Promise<Settled<EndedReply>> {
    return settle(this.#load, `${outcome} of ${this.id}`, () =>
      this.#load.client.end(this.id, this.#producer, outcome),
    )
  }

  #noteCommit(
    event: TransactionEvent,
    { reply, wasUnknown }: Settled<EndedReply>,
  ): EndedReply | undefined {
    if (reply.kind === 'ok') {
      event.outcome = 'committed'
      event.answers.push(answerOf(reply))
      this.#goOn(reply.value)
      return reply.value
    }
    const isDecided = reply.kind === 'fail' && reply.code !== 'concurrent_transactions'
    event.outcome = isDecided && !wasUnknown ? 'aborted' : 'unknown'
    return undefined
  }

  #goOn({ producerId, producerEpoch }: Producer): void {
    this.#former = this.#producer
    this.#producer = { producerId, producerEpoch }
  }
}

function answerOf(reply: {
  readonly kind: string
  readonly value?: Producer
  readonly code?: string
}) {
  const { kind, value, code } = reply
  return value === undefined ? `${kind} ${code}` : `${value.producerId}/${value.producerEpoch}`
}
