/** A partition's log for the producer: the real rules, in memory. */

import type { Outcome, ProducerStamp } from '../../client/producer/in-flight-queue.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { decideAppend } from '../../src/core/log/append.ts'
import type { ProducerState } from '../../src/core/log/producer-state.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { header } from '../core/log/log-batches.ts'
import { checkOf } from '../support/batch-checks.ts'

const CONFIG = resolveTopicConfig({})

export interface ModelBatch {
  readonly id: number
  readonly recordsCount: number
  readonly isTooLarge: boolean
}

export interface StoredBatch {
  readonly id: number
  readonly baseOffset: number
}

export interface ModelAnswer {
  readonly outcome: Outcome
  readonly baseOffset: number | undefined
}

/** The constant time of the model's log. */
const AT_ZERO = { baseTimestamp: 0, maxTimestamp: 0 }

export class LogModel {
  readonly stored: StoredBatch[] = []
  #logEndOffset = 0
  readonly #producers = new Map<bigint, ProducerState>()
  readonly #isKafka: boolean

  /** @param isKafka true for Kafka's own rules, which are harder for a client whose requests overtake one another */
  constructor(isKafka: boolean) {
    this.#isKafka = isKafka
  }

  append(batch: ModelBatch, stamp: ProducerStamp): ModelAnswer {
    if (batch.isTooLarge) {
      const error = new EdgelogError('message_too_large', `batch ${batch.id}`)
      return { outcome: { kind: 'refused', error }, baseOffset: undefined }
    }
    const sent = header({ ...AT_ZERO, records: batch.recordsCount, ...stamp })
    const decision = decideAppend({
      headers: [sent],
      checks: [checkOf(sent)],
      producerRules: this.#isKafka ? 'kafka' : 'resendable',
      expectedOffset: undefined,
      logEndOffset: this.#logEndOffset,
      config: CONFIG,
      nowMs: 0,
      openTransactions: new Map(),
      producerState: (producerId) => this.#producers.get(producerId),
    })
    if (decision.kind === 'gap') return { outcome: { kind: 'outOfOrder' }, baseOffset: undefined }
    if (decision.kind === 'refuse') {
      return { outcome: { kind: 'fenced', error: decision.error }, baseOffset: undefined }
    }
    if (decision.kind === 'overlap') throw new Error('no batch is cut into others')
    const [placed] = decision.placed
    if (placed === undefined) throw new Error('nothing placed')
    if (!placed.isDuplicate) this.stored.push({ id: batch.id, baseOffset: placed.baseOffset })
    this.#logEndOffset = decision.logEndOffset
    for (const [id, state] of decision.producers) this.#producers.set(id, state)
    return { outcome: { kind: 'acked' }, baseOffset: placed.baseOffset }
  }
}
