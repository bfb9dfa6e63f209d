/** The load of a crash run: producers, and probes that send appends which must be refused. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder } from '../../src/core/batch/batch-builder.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import type { Random } from '../support/random.ts'
import type { AppendEvent, Outcome } from './history.ts'

const RETRY_MS = 30
const RECORDS_MAX = 20
/** Batches per producer that a partition remembers; no more may be in flight. */
const BATCHES_IN_FLIGHT_MAX = 5
const IS_AHEAD = new Set(['out_of_order_sequence_number', 'unknown_producer_id'])
const PADDING = '.'.repeat(150)

/** Sends one append, by requests or over a session. */
export interface Appender {
  append(partition: number, batches: Uint8Array<ArrayBuffer>): Promise<Outcome>
}

export interface LoadOptions {
  readonly client: Appender
  readonly partitions: number
  readonly random: Random
  readonly appends: AppendEvent[]
  readonly isRunning: () => boolean
  /** Returns true when the time to drain is over; then all retries stop. */
  readonly isOver: () => boolean
}

interface Sequence {
  readonly producerId: bigint
  readonly producerEpoch: number
  nextSequence: number
}

type Append = Omit<AppendEvent, 'outcomes'> & { readonly bytes: Uint8Array<ArrayBuffer> }

/**
 * Sends up to `inFlightMax` appends at a time and retries each with the same bytes until it is acknowledged,
 * as an idempotent producer does. An append has one to three batches, fewer if more appends are in flight.
 */
export async function runIdempotentProducer(
  name: string,
  inFlightMax: number,
  load: LoadOptions,
): Promise<void> {
  const partition = load.random.between(0, load.partitions - 1)
  const sequence = newSequence(load.random, 0)
  for (let order = 0; load.isRunning(); ) {
    const inFlight: Array<Promise<void>> = []
    for (let i = 0; i < inFlightMax; i++) {
      const batches = load.random.between(
        1,
        Math.min(3, Math.floor(BATCHES_IN_FLIGHT_MAX / inFlightMax)),
      )
      const append = nextAppend(name, partition, order, sequence, load.random, batches)
      inFlight.push(sendUntilAcknowledged(append, load))
      order += 1
    }
    await Promise.all(inFlight)
  }
}

/** Sends each append once; without a response its result stays unknown. */
export async function runPlainProducer(name: string, load: LoadOptions): Promise<void> {
  for (let order = 0; load.isRunning(); order++) {
    const partition = load.random.between(0, load.partitions - 1)
    const append = nextAppend(name, partition, order, undefined, load.random)
    const event = begin(append, load)
    event.outcomes.push(await load.client.append(append.partition, append.bytes))
    if (event.outcomes.at(-1)?.kind !== 'ok') await sleep(RETRY_MS)
  }
}

/** Sends a sequence gap and an older epoch; both must always be refused. */
export async function runProbes(name: string, load: LoadOptions): Promise<void> {
  for (let round = 0; load.isRunning(); round++) {
    const partition = load.random.between(0, load.partitions - 1)
    const producer = `${name}-${round}`
    const newer = newSequence(load.random, 1)
    const older = { ...newer, producerEpoch: 0 }
    await sendUntilAcknowledged(nextAppend(producer, partition, 0, newer, load.random), load)
    newer.nextSequence += 7
    await sendUntilAcknowledged(
      {
        ...nextAppend(producer, partition, 1, newer, load.random),
        mustFailWith: 'out_of_order_sequence_number',
      },
      load,
    )
    await sendUntilAcknowledged(
      {
        ...nextAppend(producer, partition, 2, older, load.random),
        mustFailWith: 'invalid_producer_epoch',
      },
      load,
    )
  }
}

function newSequence(random: Random, producerEpoch: number): Sequence {
  const producerId =
    BigInt(random.between(1, 2 ** 31)) * 2n ** 31n + BigInt(random.between(0, 2 ** 31))
  return { producerId, producerEpoch, nextSequence: 0 }
}

function nextAppend(
  producer: string,
  partition: number,
  order: number,
  sequence: Sequence | undefined,
  random: Random,
  batchCount = random.between(1, 3),
): Append {
  const batches: string[][] = []
  const parts: Uint8Array[] = []
  for (let index = batchCount; index > 0; index--) {
    const builder = new BatchBuilder()
    const count = random.between(1, RECORDS_MAX)
    const values: string[] = []
    for (let i = 0; i < count; i++) {
      const value = `${producer}/${order}/${index}/${i}${PADDING}`
      values.push(value)
      builder.append({
        timestamp: Date.now(),
        key: null,
        value: new TextEncoder().encode(value),
        headers: [],
      })
    }
    batches.push(values)
    if (sequence === undefined) parts.push(builder.finish())
    else {
      const { producerId, producerEpoch, nextSequence } = sequence
      parts.push(builder.finish({ producerId, producerEpoch, baseSequence: nextSequence }))
      sequence.nextSequence += count
    }
  }
  const isIdempotent = sequence !== undefined
  return {
    producer,
    partition,
    order,
    batches,
    isIdempotent,
    bytes: concatenate(parts) as Uint8Array<ArrayBuffer>,
  }
}

function begin({ bytes: _, ...append }: Append, { appends }: LoadOptions): AppendEvent {
  const event: AppendEvent = { ...append, outcomes: [] }
  appends.push(event)
  return event
}

async function sendUntilAcknowledged(append: Append, load: LoadOptions): Promise<void> {
  const event = begin(append, load)
  while (!load.isOver()) {
    const outcome = await load.client.append(append.partition, append.bytes)
    event.outcomes.push(outcome)
    if (outcome.kind === 'ok' || event.mustFailWith !== undefined) break
    // Also after a final error: producers that never wait would keep the process from anything else.
    await sleep(RETRY_MS)
    // An earlier append is still in flight, so a retry will succeed. Any other error is final.
    if (outcome.kind === 'fail' && !IS_AHEAD.has(outcome.code)) return
  }
  // Sometimes repeat the append, as after a lost response: the response must be the same.
  const isRepeated = event.outcomes.at(-1)?.kind === 'ok' && load.random.next() < 0.1
  if (isRepeated) event.outcomes.push(await load.client.append(append.partition, append.bytes))
}
