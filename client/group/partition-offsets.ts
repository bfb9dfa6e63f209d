/**
 * How far one partition is handed over, finished and committed. Pure.
 *
 *   committed <= finished <= delivered, but for what is committed by hand and for seeks
 */

/** A batch the application works on. */
export interface Delivery {
  /** Of its first record. */
  readonly offset: number
  readonly nextOffset: number
}

export class PartitionOffsets {
  /** The end of what was ever handed over. */
  #delivered: number | undefined
  /** Where the next owner is to begin; undefined: where this one began. */
  #finished: number | undefined
  #committed: number | undefined
  #current: Delivery | undefined

  /** @param committed What the group has committed; undefined: nothing. */
  constructor(committed: number | undefined) {
    this.#committed = committed
  }

  deliver(delivery: Delivery): void {
    this.#current = delivery
    this.#delivered = Math.max(this.#delivered ?? 0, delivery.nextOffset)
  }

  /** Void if the application went elsewhere meanwhile. */
  finish(delivery: Delivery): void {
    if (this.#current === delivery) this.#finished = delivery.nextOffset
  }

  /** @returns where the batch is to be handed over again; undefined: there is nothing to repeat. */
  abandon(delivery: Delivery): number | undefined {
    if (this.#current !== delivery) return undefined
    this.#current = undefined
    const offset = Math.max(delivery.offset, this.#finished ?? 0)
    return offset < delivery.nextOffset ? offset : undefined
  }

  /** The application goes elsewhere: where it was is nothing to commit any more. */
  seek(): void {
    this.#current = undefined
    this.#finished = undefined
  }

  /** @param begunAt Where reading began, which is committed so that 'latest' stays where it was. */
  isDelivered(offset: number, begunAt: number | undefined): boolean {
    return offset <= Math.max(this.#delivered ?? -1, begunAt ?? -1)
  }

  /** The application commits by hand: what is before `offset` is finished. */
  finishTo(offset: number): void {
    this.#finished = Math.max(this.#finished ?? 0, offset)
  }

  /** The offset to commit next; undefined: none. */
  due(begunAt: number | undefined): number | undefined {
    const offset = this.#finished ?? begunAt
    return offset === this.#committed ? undefined : offset
  }

  acknowledge(offset: number): void {
    this.#committed = offset
  }
}
