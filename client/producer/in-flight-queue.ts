/**
 * The in-flight batches of one partition: their sequences, how a response affects them and
 * the batches behind them, and when they continue under another epoch. A pure decision
 * without I/O, clock or randomness, so that it can be tested against a model of the log.
 *    admit        takeReady         settle: acked                 older ones acked
 *   ------> ready ---------> sent -----------------> acked ----------------------------> gone
 *             ^ ^             | |
 *             | +-- waiting <-+ |  unknown, throttled: resend the same bytes after a delay
 *             +---- blocked <---+  out of order: resend the same bytes after the earlier batches
 *
 * A batch that will never be in the log (rejected, given up) leaves a gap in the sequence, and the log
 * rejects the batches behind it. The queue then settles the batches before the gap, waits until no
 * response is outstanding, and gives the remaining batches new sequences under the next epoch, in the same
 * order. The first batch under an epoch fences requests of the previous epoch that are still in flight.
 */
import type { EdgelogError } from '../../src/core/errors.ts'
import { addToSequence } from '../../src/core/log/producer-state.ts'

const EPOCH_MAX = 0x7fff
/** Stamp of a batch without idempotence. */
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
  /** True if a request with it got no response and may still reach the log. */
  readonly isMaybeInLog: boolean
}

export type Outcome =
  | { readonly kind: 'acked' }
  /** No response: it may be in the log. */
  | { readonly kind: 'unknown' }
  /** Certainly not in the log; a retry may succeed. */
  | { readonly kind: 'throttled' }
  | { readonly kind: 'outOfOrder' }
  | { readonly kind: 'fenced'; readonly error: EdgelogError }
  /** Permanently rejected. */
  | { readonly kind: 'refused'; readonly error: EdgelogError }

export type Verdict<Batch> =
  | { readonly kind: 'ack'; readonly entry: InFlightEntry<Batch> }
  /** Call `wake` after a delay. */
  | { readonly kind: 'retry'; readonly entry: InFlightEntry<Batch> }
  | {
      readonly kind: 'reject'
      readonly entry: InFlightEntry<Batch>
      readonly error: EdgelogError
      /** True if it may be in the log. */
      readonly isOutcomeUnknown: boolean
    }

interface MutableEntry<Batch> extends InFlightEntry<Batch> {
  stamp: ProducerStamp
  state: EntryState
  isMaybeInLog: boolean
  /** True if all earlier batches were acknowledged when it was last sent. */
  wasOldest: boolean
  /** True if the log cannot accept it under its sequence, because an earlier batch is missing. */
  isBehindHole: boolean
}

/** Reason for which nothing new is sent until all responses have arrived. */
interface Drain {
  /** True if a batch that was given up may still enter the log, and let the following ones in. */
  isUncertain: boolean
  isFenced: boolean
  error: EdgelogError | undefined
}

interface InFlightOptions {
  readonly inFlightMax: number
  readonly isIdempotent: boolean
  /** Returns a new random id of 63 bits. */
  readonly newProducerId: () => bigint
}

export class InFlightQueue<Batch extends { readonly recordsCount: number }> {
  readonly #options: InFlightOptions
  /** Oldest first. Acknowledged batches stay until all older ones are: the log remembers a fixed number. */
  #entries: MutableEntry<Batch>[] = []
  #producerId: bigint
  #epoch = 0
  #nextSequence = 0
  /** True once the log has accepted a batch of this epoch. The first batch of an epoch is sent alone. */
  #isKnown = false
  #drain: Drain | undefined

  constructor(options: InFlightOptions) {
    this.#options = options
    this.#producerId = options.newProducerId()
  }

  /** Number of unsettled batches, and of those acknowledged ahead of them. */
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

  /** Adds a batch as the newest. Requires `hasRoom`. */
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

  /** True if a batch is ready to be sent; older unsettled ones may have to go first. */
  get hasReady(): boolean {
    return this.#entries.some(({ state }) => state === 'ready')
  }

  get hasSent(): boolean {
    return this.#entries.some(({ state }) => state === 'sent')
  }

  /**
   * Returns the next batch to send, if any, and marks it as sent.
   *
   * @param mayFollow returns whether a batch may be sent while others are in flight
   */
  takeReady(mayFollow: (batch: Batch) => boolean = () => true): InFlightEntry<Batch> | undefined {
    const { hasSent } = this
    for (const [index, entry] of this.#entries.entries()) {
      if (entry.isBehindHole) return undefined
      if (entry.state === 'sent' || entry.state === 'acked') continue
      // The log would reject a batch behind one that waits.
      if (entry.state !== 'ready' || (index > 0 && !this.#isKnown)) return undefined
      if (hasSent && !mayFollow(entry.batch)) return undefined
      entry.state = 'sent'
      entry.wasOldest = index === 0
      return entry
    }
    return undefined
  }

  /** Ends the delay of a `retry`. */
  wake(entry: InFlightEntry<Batch>): void {
    const own = this.#find(entry)
    if (own?.state === 'waiting') own.state = 'ready'
  }

  /** Processes the response to a batch that was sent. */
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
          // A log never rejects the first batch of an epoch for its sequence, so another epoch would not help.
          own.state = 'waiting'
          verdicts.push({ kind: 'retry', entry: own })
          break
        }
        own.state = 'blocked'
        // No batch before it was missing: the log has lost the state of this producer.
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

  /** Gives up a batch that is not being sent at the moment. */
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

  /** @param index of the first entry behind the gap */
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
    const isSettled = this.#entries.every(({ state, isBehindHole }) =>
      isBehindHole ? state !== 'sent' : state === 'acked',
    )
    return isSettled ? this.#renumber(this.#drain) : []
  }

  #renumber(drain: Drain): Verdict<Batch>[] {
    this.#drain = undefined
    this.#nextEpoch(drain.isFenced)
    const verdicts: Verdict<Batch>[] = []
    const left: MutableEntry<Batch>[] = []
    for (const entry of this.#entries) {
      if (entry.state === 'acked') continue
      // The batch that was given up may still be stored, and this one behind it too: resending could
      // store it twice.
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
