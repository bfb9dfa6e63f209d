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
  /** The beginning of a size. */
  #held: Uint8Array = new Uint8Array(0)
  #bodyBytesLeft = 0
  #mustClose = false

  /** The server asks for the connection to be closed. */
  get mustClose(): boolean {
    return this.#mustClose
  }

  /** Whether the answer may end here: no frame is cut short. */
  get isBetweenFrames(): boolean {
    return this.#held.length === 0 && this.#bodyBytesLeft === 0
  }

  /**
   * @returns what is for the client now: all that has come, but the word to close.
   * @throws {FrameError} for a size that is none.
   */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = new Uint8Array(0)
    let at = 0
    while (at < bytes.length && !this.#mustClose) {
      if (this.#bodyBytesLeft > 0) {
        const passed = Math.min(this.#bodyBytesLeft, bytes.length - at)
        this.#bodyBytesLeft -= passed
        at += passed
      } else if (bytes.length - at < SIZE_BYTES) {
        this.#held = bytes.slice(at)
        break
      } else {
        const size = new DataView(bytes.buffer, bytes.byteOffset + at, SIZE_BYTES).getInt32(0)
        this.#mustClose = size === CLOSE
        if (this.#mustClose) break
        if (size < SIZE_BYTES) throw new FrameError(`an answer of ${size} bytes`)
        this.#bodyBytesLeft = size
        at += SIZE_BYTES
      }
    }
    return bytes.subarray(0, at)
  }
}
