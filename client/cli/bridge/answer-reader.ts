/**
 * Follows the frames of an answer as its bytes pass.
 *
 *   int32 size | size bytes       again and again; a size of -1: the connection is to be closed
 */
import { FrameError } from './frame-cutter.ts'

const SIZE_BYTES = 4
/** The server's word for "as a broker I would close this connection now". */
const CLOSE = -1

export class AnswerReader {
  #size = new Uint8Array(SIZE_BYTES)
  #sizeBytesRead = 0
  #bodyBytesLeft = 0
  #mustClose = false

  /** The server asks for the connection to be closed. */
  get mustClose(): boolean {
    return this.#mustClose
  }

  /** Whether the answer may end here: no frame is cut short. */
  get isBetweenFrames(): boolean {
    return this.#sizeBytesRead === 0 && this.#bodyBytesLeft === 0
  }

  /**
   * @returns what of `chunk` is for the client: all but the word to close.
   * @throws {FrameError} for a size that is none.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = []
    let at = 0
    while (at < chunk.length && !this.#mustClose) {
      if (this.#bodyBytesLeft === 0) {
        this.#size[this.#sizeBytesRead++] = chunk[at++] as number
        if (this.#sizeBytesRead === SIZE_BYTES) this.#begin(parts)
        continue
      }
      const end = Math.min(chunk.length, at + this.#bodyBytesLeft)
      parts.push(chunk.subarray(at, end))
      this.#bodyBytesLeft -= end - at
      at = end
    }
    return parts
  }

  #begin(parts: Uint8Array[]): void {
    const size = new DataView(this.#size.buffer).getInt32(0)
    this.#sizeBytesRead = 0
    if (size === CLOSE) {
      this.#mustClose = true
      return
    }
    if (size < SIZE_BYTES) throw new FrameError(`an answer of ${size} bytes`)
    parts.push(this.#size)
    this.#size = new Uint8Array(SIZE_BYTES)
    this.#bodyBytesLeft = size
  }
}
