/** Collects the batches of one turn in a chunk, until it is full or the turn is written. */

import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { assert } from '../../src/core/errors.ts'
import { CHUNK_BYTES_MAX } from '../../src/core/limits.ts'
import { latestTimestamp } from '../../src/core/log/chunk.ts'

export class OpenChunk {
  readonly #batches: Uint8Array[] = []
  #sizeBytes = 0
  #maxTimestamp: number | undefined

  /** A batch that is larger than any chunk gets a chunk of its own. */
  hasRoomFor(batch: Uint8Array): boolean {
    return this.#sizeBytes + batch.length <= CHUNK_BYTES_MAX
  }

  /** @param maxTimestamp below 0 if no record has a time: the append time is used instead. */
  add(batch: Uint8Array, maxTimestamp: number, nowMs: number): void {
    this.#batches.push(batch)
    this.#sizeBytes += batch.length
    const timestamp = maxTimestamp < 0 ? -nowMs : maxTimestamp
    this.#maxTimestamp = latestTimestamp([this.#maxTimestamp ?? timestamp, timestamp])
  }

  close(): { readonly bytes: Uint8Array; readonly maxTimestamp: number } {
    assert(this.#maxTimestamp !== undefined, 'a chunk has at least one batch')
    return { bytes: concatenate(this.#batches), maxTimestamp: this.#maxTimestamp }
  }
}
