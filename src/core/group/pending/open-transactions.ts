/** The producers of a group that have a transaction open, and which partitions have pending offsets. */
import { EdgelogError } from '../../errors.ts'
import {
  PENDING_OFFSETS_BYTES_MAX,
  PENDING_OFFSETS_TOTAL_BYTES_MAX,
  PENDING_PRODUCERS_MAX,
} from '../../limits.ts'
import type { OffsetToCommit } from '../group-api.ts'
import {
  type PendingOffset,
  type ProducerOffsets,
  partitionKey,
  withoutPending,
} from './pending-offsets.ts'

interface Entry {
  readonly producer: ProducerOffsets
  /** Size of its row. */
  readonly sizeBytes: number
}

export class OpenTransactions {
  readonly #entries = new Map<bigint, Entry>()
  /** Number of pending offsets by partition. */
  readonly #partitions = new Map<string, number>()
  #sizeBytes = 0
  #offsetsCount = 0
  #lastArrival = 0

  get offsetsCount(): number {
    return this.#offsetsCount
  }

  get producers(): ProducerOffsets[] {
    return [...this.#entries.values()].map(({ producer }) => producer)
  }

  get nextArrival(): number {
    return this.#lastArrival + 1
  }

  get(producerId: bigint): ProducerOffsets | undefined {
    return this.#entries.get(producerId)?.producer
  }

  isPending(partition: { readonly topicId: string; readonly partition: number }): boolean {
    return this.#partitions.has(partitionKey(partition))
  }

  *offsets(): Generator<PendingOffset> {
    for (const { producer } of this.#entries.values()) yield* producer.open?.offsets ?? []
  }

  /** Replaces the state of a producer; one without an open transaction is left out. */
  set(producer: ProducerOffsets, sizeBytes: number): void {
    this.#remove(producer.producerId)
    if (producer.open === null) return
    this.#entries.set(producer.producerId, { producer, sizeBytes })
    this.#sizeBytes += sizeBytes
    for (const offset of producer.open.offsets) {
      this.#count(offset, 1)
      this.#lastArrival = Math.max(this.#lastArrival, offset.arrival)
    }
  }

  /**
   * Checks that there is room for the new state of a producer.
   *
   * @throws {EdgelogError} `policy_violation` if it is too large, `throttled` if other transactions take the room.
   */
  checkRoom({ producerId }: ProducerOffsets, sizeBytes: number): void {
    if (sizeBytes > PENDING_OFFSETS_BYTES_MAX) {
      const why = `offsets: those of one transaction may take ${PENDING_OFFSETS_BYTES_MAX} bytes in a group, got ${sizeBytes}`
      throw new EdgelogError('policy_violation', why)
    }
    const known = this.#entries.get(producerId)
    const isNew = known === undefined
    if (isNew && this.#entries.size >= PENDING_PRODUCERS_MAX) {
      const why = `the group has ${PENDING_PRODUCERS_MAX} open transactions, no more are allowed`
      throw new EdgelogError('throttled', why)
    }
    const others = this.#sizeBytes - (known?.sizeBytes ?? 0)
    if (others + sizeBytes > PENDING_OFFSETS_TOTAL_BYTES_MAX) {
      const why = `the offsets of the group's open transactions take more than ${PENDING_OFFSETS_TOTAL_BYTES_MAX} bytes`
      throw new EdgelogError('throttled', why)
    }
  }

  /**
   * Returns the producers that change because offsets were committed: what arrived before them no longer counts.
   *
   * @param committed without an arrival if they were committed without a transaction, after all pending ones.
   */
  superseded(
    committed: ReadonlyArray<OffsetToCommit & { readonly arrival?: number }>,
  ): ProducerOffsets[] {
    const arrivals = new Map<string, number>()
    for (const offset of committed) {
      const { arrival = Number.POSITIVE_INFINITY } = offset
      if (this.isPending(offset)) arrivals.set(partitionKey(offset), arrival)
    }
    if (arrivals.size === 0) return []
    return this.without((offset) => offset.arrival < (arrivals.get(partitionKey(offset)) ?? 0))
  }

  /** Returns the producers that change if these offsets are dropped, in their new state. */
  without(isDropped: (offset: PendingOffset) => boolean): ProducerOffsets[] {
    return this.producers.flatMap((producer) => withoutPending(producer, isDropped) ?? [])
  }

  #remove(producerId: bigint): void {
    const entry = this.#entries.get(producerId)
    if (entry === undefined) return
    this.#entries.delete(producerId)
    this.#sizeBytes -= entry.sizeBytes
    for (const offset of entry.producer.open?.offsets ?? []) this.#count(offset, -1)
  }

  #count(offset: PendingOffset, change: number): void {
    const key = partitionKey(offset)
    const count = (this.#partitions.get(key) ?? 0) + change
    if (count === 0) this.#partitions.delete(key)
    else this.#partitions.set(key, count)
    this.#offsetsCount += change
  }
}
