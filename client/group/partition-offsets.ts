/**
 * Tracks how far one partition is delivered, finished and committed. Pure.
 *
 *   committed <= finished <= delivered, except after commits by hand and seeks
 */

/** A batch that the application works on. */
export interface Delivery {
  /** Offset of its first record. */
  readonly offset: number
  readonly nextOffset: number
}

export class PartitionOffsets {
  /** End of the delivered records. */
  #delivered: number | undefined
  /** Where the next owner begins; undefined: where this one began. */
  #finished: number | undefined
  #committed: number | undefined
  #current: Delivery | undefined

  /** @param committed The group's committed offset; undefined: none. */
  constructor(committed: number | undefined) {
    this.#committed = committed
  }

  deliver(delivery: Delivery): void {
    this.#current = delivery
    this.#delivered = Math.max(this.#delivered ?? 0, delivery.nextOffset)
  }

  /** Marks a batch as finished; ignored if a seek has moved the position meanwhile. */
  finish(delivery: Delivery): void {
    if (this.#current === delivery) this.#finished = delivery.nextOffset
  }

  /** @returns the offset from which to deliver the batch again; undefined: nothing to repeat */
  abandon(delivery: Delivery): number | undefined {
    if (this.#current !== delivery) return undefined
    this.#current = undefined
    const offset = Math.max(delivery.offset, this.#finished ?? 0)
    return offset < delivery.nextOffset ? offset : undefined
  }

  /** Moves the position: earlier deliveries are not committed any more. */
  seek(): void {
    this.#current = undefined
    this.#finished = undefined
  }

  /** @param begunAt Where reading began; it may be committed, so that 'latest' keeps its position. */
  isDelivered(offset: number, begunAt: number | undefined): boolean {
    return offset <= Math.max(this.#delivered ?? -1, begunAt ?? -1)
  }

  /** Marks all offsets before `offset` as finished, for a commit by hand. */
  finishTo(offset: number): void {
    this.#finished = Math.max(this.#finished ?? 0, offset)
  }

  /** Returns the offset to commit next; undefined: none. */
  due(begunAt: number | undefined): number | undefined {
    const offset = this.#finished ?? begunAt
    return offset === this.#committed ? undefined : offset
  }

  acknowledge(offset: number): void {
    this.#committed = offset
  }
}
