/**
 * Group commit. Appends that arrive while a commit is being written, or shortly after a commit of several calls, are
 * collected and become the next commit; a lone call is committed at once. Each call resolves only after its own
 * commit was written, and the platform holds the response back until the commit is durable.
 */
import { EdgelogError, type Result } from '../../src/core/errors.ts'
import {
  PENDING_APPENDS_MAX,
  PENDING_BYTES_MAX,
  SEQUENCE_GAP_WAIT_MS,
  THROTTLE_MS,
} from '../../src/core/limits.ts'
import { commitDelayMs } from '../../src/core/log/commit-delay.ts'
import type {
  AppendRequest,
  AppendResult,
  OverlapResult,
} from '../../src/core/log/partition-api.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import { type AppendStep, type ParsedAppend, parseAppend } from './partition-log.ts'

type AppendAnswer = Result<AppendResult | OverlapResult>
/** `null` for the end of a transaction. */
type Answer = Result<AppendResult | OverlapResult | null>

type Work =
  | { readonly kind: 'append'; readonly append: ParsedAppend }
  | { readonly kind: 'end'; readonly end: EndTransactionRequest }

interface Entry {
  readonly work: Work
  readonly settle: (result: Answer) => void
  /** Set while the entry waits for the preceding batch of its producer. */
  parked?: {
    readonly timer: ReturnType<typeof setTimeout>
    /** The error returned if the wait times out; the missing sequence changes as other batches arrive. */
    error: EdgelogError
  }
}

export interface CommitTarget {
  /** Decides and assigns offsets, in memory. */
  append(append: ParsedAppend): AppendStep
  /** Decides on the end of a transaction, and assigns an offset to its marker, in memory. */
  endTransaction(request: EndTransactionRequest): AppendStep
  /** Writes everything appended since the last call; must throw if any write fails. */
  commit(): void
  /** Drops this turn and all state in memory, which may be ahead of the rows after an error. */
  abort(error: unknown): void
  /** Resolves when the committed batches are durable. */
  durable(): Promise<void>
}

export class AppendQueue {
  readonly #target: CommitTarget
  #entries: Entry[] = []
  readonly #parked = new Set<Entry>()
  #pendingBytes = 0
  /** Calls whose appends wait for the next commit. */
  #callsCount = 0
  #isCommitting = false

  constructor(target: CommitTarget) {
    this.#target = target
  }

  /** Announces a call, before its appends are pushed in the same turn. */
  beginCall(): void {
    this.#callsCount += 1
  }

  push(request: AppendRequest): Promise<AppendAnswer> {
    const { length: sizeBytes } = request.batches
    const refusal = this.#refusal(sizeBytes)
    if (refusal !== undefined) return Promise.resolve({ error: refusal.toBody() })
    const work: Work = { kind: 'append', append: parseAppend(request) }
    return this.#enqueue(work, sizeBytes) as Promise<AppendAnswer>
  }

  /** Ends a transaction in the order of the appends. */
  pushEnd(end: EndTransactionRequest): Promise<Result<null>> {
    const refusal = this.#refusal(0)
    if (refusal !== undefined) return Promise.resolve({ error: refusal.toBody() })
    return this.#enqueue({ kind: 'end', end }, 0) as Promise<Result<null>>
  }

  #enqueue(work: Work, sizeBytes: number): Promise<Answer> {
    this.#pendingBytes += sizeBytes
    return new Promise((resolve) => {
      const settle = (result: Answer) => {
        this.#pendingBytes -= sizeBytes
        resolve(result)
      }
      this.#entries.push({ work, settle })
      if (this.#isCommitting) return
      this.#isCommitting = true
      // After this turn, so that all appends of a call share a commit.
      queueMicrotask(() => void this.#run())
    })
  }

  /** Fails all waiting appends with `error`. */
  refuseAll(error: EdgelogError): void {
    for (const entry of this.#entries.splice(0)) entry.settle({ error: error.toBody() })
    for (const entry of [...this.#parked]) this.#unpark(entry).settle({ error: error.toBody() })
  }

  #refusal(sizeBytes: number): EdgelogError | undefined {
    const pending = this.#entries.length + this.#parked.size
    if (pending < PENDING_APPENDS_MAX && this.#pendingBytes + sizeBytes <= PENDING_BYTES_MAX) {
      return undefined
    }
    return new EdgelogError('throttled', 'the partition has too many pending appends', {
      details: { retryAfterMs: THROTTLE_MS },
    })
  }

  async #run(): Promise<void> {
    try {
      while (this.#entries.length > 0) {
        const delayMs = commitDelayMs(this.#callsCount, this.#pendingBytes)
        this.#callsCount = 0
        this.#commitGroup()
        await this.#target.durable()
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      }
    } catch (error) {
      this.#target.abort(error)
    } finally {
      this.#isCommitting = false
    }
  }

  /** Decides, assigns offsets, writes and then resolves the calls, in one synchronous turn. */
  #commitGroup(): void {
    const results: Array<() => void> = []
    let group = this.#entries
    this.#entries = []
    while (group.length > 0) {
      const advanced = new Set<bigint>()
      for (const entry of group) this.#decide(entry, advanced, results)
      group = [...this.#parked]
        .filter(({ work }) => producerIdsOf(work).some((producerId) => advanced.has(producerId)))
        .sort((a, b) => firstSequence(a) - firstSequence(b))
    }
    this.#target.commit()
    for (const result of results) result()
  }

  #decide(entry: Entry, advanced: Set<bigint>, results: Array<() => void>): void {
    const { work } = entry
    const outcome =
      work.kind === 'append'
        ? this.#target.append(work.append)
        : this.#target.endTransaction(work.end)
    if (outcome.kind === 'gap') {
      if (entry.parked === undefined) this.#park(entry, outcome.error)
      else entry.parked.error = outcome.error
      return
    }
    this.#unpark(entry)
    if (outcome.kind === 'refuse') {
      results.push(() => entry.settle({ error: outcome.error.toBody() }))
      return
    }
    if (outcome.kind !== 'overlap') {
      for (const producerId of producerIdsOf(work)) if (producerId >= 0n) advanced.add(producerId)
    }
    const ok = outcome.kind === 'ended' ? null : outcome.resultOf
    results.push(() => entry.settle({ ok }))
  }

  /**
   * Requests of one producer may arrive out of order. One that arrives early waits a short time for its predecessor, so
   * that pipelining does not cost a retry.
   */
  #park(entry: Entry, error: EdgelogError): void {
    const timer = setTimeout(() => {
      const { error: lastError = error } = entry.parked ?? {}
      this.#unpark(entry).settle({ error: lastError.toBody() })
    }, SEQUENCE_GAP_WAIT_MS)
    entry.parked = { timer, error }
    this.#parked.add(entry)
  }

  #unpark(entry: Entry): Entry {
    clearTimeout(entry.parked?.timer)
    delete entry.parked
    this.#parked.delete(entry)
    return entry
  }
}

/** Sorting by the first sequence places all appends that wait for each other in one pass instead of one pass each. */
function firstSequence({ work }: Entry): number {
  return work.kind === 'append' ? (work.append.headers[0]?.baseSequence ?? -1) : -1
}

function producerIdsOf(work: Work): bigint[] {
  if (work.kind === 'end') return [work.end.producerId]
  return work.append.headers.map(({ producerId }) => producerId)
}
