import { REWRITE_AFTER_BYTES, REWRITE_AFTER_RECORDS, TURN_RECORDS_MAX } from './limits.ts'

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

/** Size of a log at some moment. */
export interface LogExtent {
  readonly endOffset: number
  readonly sizeBytes: number
}

/** Returns whether a pass lets some more appends go first, by what was appended since it rewrote the last chunk. */
export function givesWay(since: LogExtent, now: LogExtent): boolean {
  const records = now.endOffset - since.endOffset
  const bytes = now.sizeBytes - since.sizeBytes
  return records > 0 && records < REWRITE_AFTER_RECORDS && bytes < REWRITE_AFTER_BYTES
}
