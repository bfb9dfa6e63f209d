import { TURN_RECORDS_MAX } from './limits.ts'

/** Cuts long work into turns: other calls of the object run between two of them. */
export class Pace {
  readonly #nextTurn: () => Promise<void>
  #left = TURN_RECORDS_MAX

  /** @param nextTurn resolves in another turn of the event loop */
  constructor(nextTurn: () => Promise<void>) {
    this.#nextTurn = nextTurn
  }

  /** Counts one record. Returns true if the turn has done enough: then `rest` must be awaited. */
  get isOver(): boolean {
    this.#left -= 1
    return this.#left <= 0
  }

  /** Counts work on bytes, such as a checksum, as that on as many records of 1 KiB. Returns as `isOver`. */
  isOverAfterBytes(sizeBytes: number): boolean {
    this.#left -= sizeBytes / 1_024
    return this.#left <= 0
  }

  async rest(): Promise<void> {
    this.#left = TURN_RECORDS_MAX
    await this.#nextTurn()
  }
}
