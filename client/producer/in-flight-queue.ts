/**
 * The batches of one partition that are under way: their sequences, what an answer means for them
 * and for those behind them, and when they go on under another epoch. Decides only: no I/O, no
 * clock, no randomness, so that it can be played against a model of the log.
 *
 *    admit        takeReady         settle: acked                 older ones acked
 *   ------> ready ---------> sent -----------------> acked ----------------------------> gone
 *             ^ ^             | |
 *             | +-- waiting <-+ |  unknown, throttled: the same bytes again, after a delay
 *             +---- blocked <---+  out of order: the same bytes again, after those before it
 *
 * A batch that will never be in the log (refused, given up) leaves a hole in the sequence, which the
 * log does not let its followers pass. The queue then brings those before the hole to their end,
 * waits until no answer is outstanding, and gives what is left new sequences under the next epoch,
 * in the same order. The first batch under an epoch fences what may still be on its way under the
 * one before.
 */
import type { EdgelogError } from '../../src/core/errors.ts'
import { addToSequence } from '../../src/core/log/producer-state.ts'

const EPOCH_MAX = 0x7fff
/** What a batch carries of which no sequence is kept. */
const NO_PRODUCER = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

export interface ProducerStamp {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

type EntryState = 'ready' | 'sent' | 'waiting' | 'blocked' | 'acked'

export interface InFlightEntry<Batch> {
  readonly batch: Batch
  readonly stamp: ProducerStamp
  readonly state: EntryState
  /** Some request with it got no answer, and may still reach the log. */
  readonly isMaybeInLog: boolean
}

export type Outcome =
  | { readonly kind: 'acked' }
  /** No answer: it may be in the log. */
  | { readonly kind: 'unknown' }
  /** Certainly not in the log, and welcome later. */
  | { readonly kind: 'throttled' }
  | { readonly kind: 'outOfOrder' }
  | { readonly kind: 'fenced'; readonly error: EdgelogError }
  /** Will never be accepted. */
  | { readonly kind: 'refused'; readonly error: EdgelogError }

export type Verdict<Batch> =
  | { readonly kind: 'ack'; readonly entry: InFlightEntry<Batch> }
  /** Call `wake` after a delay. */
  | { readonly kind: 'retry'; readonly entry: InFlightEntry<Batch> }
  | {
      readonly kind: 'reject'
      readonly entry: InFlightEntry<Batch>
      readonly error: EdgelogError
      /** It may be in the log all the same. */
      readonly isOutcomeUnknown: boolean
    }

interface MutableEntry<Batch> extends InFlightEntry<Batch> {
  stamp: ProducerStamp
  state: EntryState
  isMaybeInLog: boolean
  /** All before it were acknowledged when it was sent last. */
  wasOldest: boolean
  /** The log cannot take it under its sequence: one before it is missing. */
  isBehindHole: boolean
}

/** Why nothing new is sent until all answers are in. */
interface Drain {
  /** A batch that was given up may yet enter the log, and let those behind it in. */
  isUncertain: boolean
  isFenced: boolean
  error: EdgelogError | undefined
}

interface InFlightOptions {
  readonly inFlightMax: number
  readonly isIdempotent: boolean
  /** A new random id, of 63 bits. */
  readonly newProducerId: () => bigint
}

export class InFlightQueue<Batch extends { readonly recordsCount: number }> {
  readonly #options: InFlightOptions
  /** Oldest first. Acknowledged ones stay while an older one is not: the log remembers so many. */
  #entries: MutableEntry<Batch>[] = []
  #producerId: bigint
  #epoch = 0
  #nextSequence = 0
  /** The log takes nothing of an epoch before the first batch, so that one goes alone. */
  #isKnown = false
  #drain: Drain | undefined

  constructor(options: InFlightOptions) {
    this.#options = options
    this.#producerId = options.newProducerId()
  }

  /** Batches that are not settled, and those acknowledged ahead of them. */
  get size(): number {
    return this.#entries.length
  }

  get entries(): readonly InFlightEntry<Batch>[] {
    return this.#entries
  }

  get hasRoom(): boolean {
    if (this.#drain !== undefined) return false
    if (!this.#options.isIdempotent || !this.#isKnown) return this.#entries.length === 0
    return this.#entries.length < this.#options.inFlightMax
  }

  /** Adds a batch as the newest. Only where there is room. */
  admit(batch: Batch): void {
    this.#entries.push({
      batch,
      stamp: this.#nextStamp(batch),
      state: 'ready',
      isMaybeInLog: false,
      wasOldest: false,
      isBehindHole: false,
    })
  }

  /** A batch is to be sent, and others that are not settled may have to come first. */
  get hasReady(): boolean {
    return this.#entries.some(({ state }) => state === 'ready')
  }

  get hasSent(): boolean {
    return this.#entries.some(({ state }) => state === 'sent')
  }

  /**
   * The next batch to be sent, if any; it counts as sent from here on.
   *
   * @param mayFollow whether it may be sent while others are under way
   */
  takeReady(mayFollow: (batch: Batch) => boolean = () => true): InFlightEntry<Batch> | undefined {
    const { hasSent } = this
    for (const [index, entry] of this.#entries.entries()) {
      if (entry.isBehindHole) return undefined
      if (entry.state === 'sent' || entry.state === 'acked') continue
      // What stands behind a batch that waits could only be refused.
      if (entry.state !== 'ready' || (index > 0 && !this.#isKnown)) return undefined
      if (hasSent && !mayFollow(entry.batch)) return undefined
      entry.state = 'sent'
      entry.wasOldest = index === 0
      return entry
    }
    return undefined
  }

  /** The delay of a `retry` is over. */
  wake(entry: InFlightEntry<Batch>): void {
    const own = this.#find(entry)
    if (own?.state === 'waiting') own.state = 'ready'
  }

  /** Takes the answer to a batch that was sent. */
  settle(entry: InFlightEntry<Batch>, outcome: Outcome): Verdict<Batch>[] {
    const own = this.#find(entry)
    if (own?.state !== 'sent') return []
    const verdicts: Verdict<Batch>[] = []
    switch (outcome.kind) {
      case 'acked':
        own.state = 'acked'
        this.#isKnown = true
        verdicts.push({ kind: 'ack', entry: own })
        break
      case 'unknown':
      case 'throttled':
        own.isMaybeInLog ||= outcome.kind === 'unknown'
        own.state = 'waiting'
        verdicts.push({ kind: 'retry', entry: own })
        break
      case 'outOfOrder':
        if (own.wasOldest && !this.#isKnown) {
          // No log refuses the beginning of an epoch for its sequence: another epoch would not help.
          own.state = 'waiting'
          verdicts.push({ kind: 'retry', entry: own })
          break
        }
        own.state = 'blocked'
        // Nothing was missing before it: the log has lost what it knew of this producer.
        if (own.wasOldest) this.#startDrain(0, { isUncertain: false, isFenced: false })
        break
      case 'fenced':
      case 'refused':
        verdicts.push(this.#remove(own, outcome.error, outcome.kind === 'fenced'))
        break
      default:
        outcome satisfies never
    }
    return [...verdicts, ...this.#advance()]
  }

  /** Ends the tries of a batch that is not sent at the moment. */
  giveUp(entry: InFlightEntry<Batch>, error: EdgelogError): Verdict<Batch>[] {
    const own = this.#find(entry)
    if (own === undefined || own.state === 'sent' || own.state === 'acked') return []
    return [this.#remove(own, error, false), ...this.#advance()]
  }

  #find(entry: InFlightEntry<Batch>): MutableEntry<Batch> | undefined {
    return this.#entries.find((own) => own === entry)
  }

  #remove(entry: MutableEntry<Batch>, error: EdgelogError, isFenced: boolean): Verdict<Batch> {
    const isOutcomeUnknown = entry.isMaybeInLog
    const index = this.#entries.indexOf(entry)
    this.#entries.splice(index, 1)
    if (this.#options.isIdempotent) {
      this.#startDrain(index, { isUncertain: isOutcomeUnknown, isFenced, error })
    }
    return { kind: 'reject', entry, error, isOutcomeUnknown }
  }

  /** @param index of the first entry behind the hole */
  #startDrain(
    index: number,
    cause: Omit<Drain, 'error'> & { readonly error?: EdgelogError },
  ): void {
    for (const entry of this.#entries.slice(index)) entry.isBehindHole = true
    const { isUncertain = false, isFenced = false, error } = this.#drain ?? {}
    this.#drain = {
      isUncertain: isUncertain || cause.isUncertain,
      isFenced: isFenced || cause.isFenced,
      error: error ?? cause.error,
    }
  }

  #advance(): Verdict<Batch>[] {
    while (this.#entries[0]?.state === 'acked') this.#entries.shift()
    if (this.#entries[0]?.state === 'blocked') {
      for (const entry of this.#entries) if (entry.state === 'blocked') entry.state = 'ready'
    }
    if (this.#drain === undefined) return []
    const isAnswered = this.#entries.every(({ state, isBehindHole }) =>
      isBehindHole ? state !== 'sent' : state === 'acked',
    )
    return isAnswered ? this.#renumber(this.#drain) : []
  }

  #renumber(drain: Drain): Verdict<Batch>[] {
    this.#drain = undefined
    this.#nextEpoch(drain.isFenced)
    const verdicts: Verdict<Batch>[] = []
    const left: MutableEntry<Batch>[] = []
    for (const entry of this.#entries) {
      if (entry.state === 'acked') continue
      // Behind a batch that may yet get in, one that may have followed it cannot be sent anew.
      if (drain.isUncertain && entry.isMaybeInLog && drain.error !== undefined) {
        const { error } = drain
        verdicts.push({ kind: 'reject', entry, error, isOutcomeUnknown: true })
        continue
      }
      entry.stamp = this.#nextStamp(entry.batch)
      entry.state = 'ready'
      entry.isMaybeInLog = false
      entry.isBehindHole = false
      left.push(entry)
    }
    this.#entries = left
    return verdicts
  }

  #nextEpoch(isFenced: boolean): void {
    const isNewId = isFenced || this.#epoch === EPOCH_MAX
    if (isNewId) this.#producerId = this.#options.newProducerId()
    this.#epoch = isNewId ? 0 : this.#epoch + 1
    this.#nextSequence = 0
    this.#isKnown = false
  }

  #nextStamp({ recordsCount }: Batch): ProducerStamp {
    if (!this.#options.isIdempotent) return NO_PRODUCER
    const baseSequence = this.#nextSequence
    this.#nextSequence = addToSequence(baseSequence, recordsCount)
    return { producerId: this.#producerId, producerEpoch: this.#epoch, baseSequence }
  }
}
