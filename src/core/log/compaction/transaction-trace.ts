/**
 * The producers of which a pass has kept transactional records since their last marker. A marker is needed while
 * records of its transaction are in the log: readers wait for it.
 */
export class TransactionTrace {
  readonly #withRecords = new Set<bigint>()

  /** Notes that a batch of the producer's current transaction stays. */
  keep(producerId: bigint): void {
    this.#withRecords.add(producerId)
  }

  /** Ends the producer's transaction. Returns whether records of it are in the log. */
  end(producerId: bigint): boolean {
    return this.#withRecords.delete(producerId)
  }
}
