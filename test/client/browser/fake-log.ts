/** A faulty server in memory, with the part of the log's rules that the outbox needs. */

import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { assignOffset, readBatchHeader } from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import type { Codecs } from '../../../src/core/compression/codec.ts'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { ERRORS } from '../../../src/core/errors.ts'

/** Faults of the next requests. */
export type Weather =
  | 'fine'
  | 'requestLost'
  | 'answerLost'
  | 'unauthorized'
  | 'throttled'
  | 'badGateway'
  | 'captivePortal'

interface StoredRecord {
  readonly value: string
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
}

interface Known {
  epoch: number
  nextSequence: number
}

class FakePartition {
  readonly records: StoredRecord[] = []
  readonly batches: Uint8Array[] = []
  readonly producers = new Map<bigint, Known>()
}

const POISON = 'poison'
const decoder = new TextDecoder()

export class FakeLog {
  weather: Weather = 'fine'
  /** True to store batches without checking sequences. */
  ignoresSequences = false
  partitions = 2
  topicId = 'topic-1'
  requests = 0
  #logs = new Map<number, FakePartition>()

  values(partition: number): string[] {
    return this.#log(partition).records.map(({ value }) => value)
  }

  offsetOf(partition: number, value: string): number {
    return this.values(partition).indexOf(value)
  }

  /** Drops the producer state, as after 30 days of silence. */
  forgetProducers(): void {
    for (const log of this.#logs.values()) log.producers.clear()
  }

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    this.requests += 1
    const { weather } = this
    if (weather === 'requestLost') throw new TypeError('network error')
    if (weather === 'unauthorized') return refusal('unauthorized', 'the bearer token is wrong')
    if (weather === 'throttled') return refusal('throttled', 'too many')
    if (weather === 'badGateway') return new Response('<h1>502</h1>', { status: 502 })
    if (weather === 'captivePortal') return new Response('<h1>Welcome to the train</h1>')
    const response = await this.#answer(new URL(input), init)
    if (weather === 'answerLost') throw new TypeError('connection reset')
    return response
  }

  async #answer({ pathname, searchParams }: URL, { method, body }: RequestInit): Promise<Response> {
    const partition = /\/partitions\/(\d+)\/records$/.exec(pathname)?.[1]
    if (partition === undefined) {
      const config = { 'max.message.bytes': 1_048_588 }
      return Response.json({ name: 'topic', id: this.topicId, partitions: this.partitions, config })
    }
    const log = this.#log(Number(partition))
    if (method !== 'POST') return read(log, Number(searchParams.get('offset')))
    return await this.#append(log, body as Uint8Array)
  }

  async #append(log: FakePartition, batch: Uint8Array): Promise<Response> {
    const header = readBatchHeader(batch)
    const { producerId, producerEpoch: epoch, baseSequence } = header
    const decoded = await decodeBatch(batch, header, {} as Codecs)
    const values = decoded.map(({ value }) => decoder.decode(value ?? new Uint8Array()))
    const known = log.producers.get(producerId) ?? { epoch: -1, nextSequence: 0 }
    if (epoch < known.epoch) return refusal('invalid_producer_epoch', 'fenced')
    const expected = epoch > known.epoch ? 0 : known.nextSequence
    const isNew = known.epoch === -1
    const skipped = this.ignoresSequences ? 0 : expected - baseSequence
    if (skipped < 0 && isNew) return refusal('unknown_producer_id', 'not known')
    if (skipped < 0) return refusal('out_of_order_sequence_number', `expected ${expected}`)
    const fresh = values.slice(skipped)
    if (fresh.some((value) => value.startsWith(POISON))) return refusal('invalid_record', 'poison')
    const pieces = []
    const old = values.length - fresh.length
    for (let index = 0; index < old; index++) {
      const sequence = baseSequence + index
      const baseOffset = log.records.findIndex(
        (record) =>
          record.producerId === producerId &&
          record.epoch === epoch &&
          record.sequence === sequence,
      )
      pieces.push({ recordsCount: 1, baseOffset })
    }
    const baseOffset = log.records.length
    for (const [index, value] of fresh.entries()) {
      log.records.push({ value, producerId, epoch, sequence: baseSequence + old + index })
    }
    if (fresh.length > 0) {
      pieces.push({ recordsCount: fresh.length, baseOffset })
      const sequence = baseSequence + old
      const stamp = { producerId, producerEpoch: epoch, baseSequence: sequence }
      const stored = encodeBatch(decoded.slice(old), stamp)
      assignOffset(stored, 0, baseOffset, 0)
      log.batches.push(stored)
      log.producers.set(producerId, { epoch, nextSequence: baseSequence + values.length })
    }
    const [first] = pieces
    return Response.json({
      baseOffset: first?.baseOffset ?? baseOffset,
      logAppendTime: null,
      pieces,
    })
  }

  #log(partition: number): FakePartition {
    const log = this.#logs.get(partition) ?? new FakePartition()
    this.#logs.set(partition, log)
    return log
  }
}

function read({ records, batches }: FakePartition, offset: number): Response {
  const from = Number.isNaN(offset) ? 0 : offset
  const parts = batches.filter((batch) => {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch)
    return baseOffset + lastOffsetDelta >= from
  })
  const headers = {
    'edgelog-offset': String(from),
    'edgelog-next-offset': String(records.length),
    'edgelog-last-stable-offset': String(records.length),
    'edgelog-high-watermark': String(records.length),
  }
  return new Response(concatenate(parts) as BodyInit, { headers })
}

function refusal(code: ErrorCode, message: string): Response {
  const { http: status, retryable } = ERRORS[code]
  return Response.json({ error: { code, message, retryable } }, { status })
}
