import { ByteWriter } from './byte-writer.ts'

/** Smaller bytes are copied: a part of its own costs more than their copy. */
const BORROWED_BYTES_MIN = 16 * 1024

/**
 * A `ByteWriter` that refers to large bytes instead of copying them.
 *
 * @example
 * const writer = new PartsWriter()
 * writer.int32(batches.length)
 * writer.bytes(batches)
 * for (const part of writer.toParts()) socket.send(part)
 */
export class PartsWriter extends ByteWriter {
  /** The bytes referred to, each with the position in the buffer where they belong. */
  readonly #borrowed: Array<{ readonly at: number; readonly bytes: Uint8Array }> = []
  #borrowedBytes = 0

  /** All bytes written, also those that are not in the buffer. */
  get sizeBytes(): number {
    return this.position + this.#borrowedBytes
  }

  /** @param source not to be changed until the parts are sent. */
  override bytes(source: Uint8Array): void {
    if (source.length < BORROWED_BYTES_MIN) {
      super.bytes(source)
      return
    }
    this.#borrowed.push({ at: this.position, bytes: source })
    this.#borrowedBytes += source.length
  }

  /** Returns everything written, in order, without a copy, for a writer that is not used again. */
  toParts(): Uint8Array[] {
    const buffer = this.toView()
    const parts: Uint8Array[] = []
    let start = 0
    for (const { at, bytes } of this.#borrowed) {
      if (at > start) parts.push(buffer.subarray(start, at))
      parts.push(bytes)
      start = at
    }
    if (buffer.length > start) parts.push(buffer.subarray(start))
    return parts
  }
}
