/**
 * Finds the frames of a response while its bytes pass through.
 *
 *   int32 size | size bytes       repeated; a size of -1: close the connection
 */
import { FrameError } from '../../../src/core/kafka/frame-cutter.ts'

const SIZE_BYTES = 4
/** Size with which the server requests that the connection be closed, as a broker would close it. */
const CLOSE = -1

export class ResponseReader {
  /** First bytes of an incomplete size. */
  #held: Uint8Array = new Uint8Array(0)
  #bodyBytesLeft = 0
  #mustClose = false

  /** True if the server requests that the connection be closed. */
  get mustClose(): boolean {
    return this.#mustClose
  }

  /** True if the response may end here: no frame is incomplete. */
  get isBetweenFrames(): boolean {
    return this.#held.length === 0 && this.#bodyBytesLeft === 0
  }

  /**
   * @returns the bytes for the client: all received ones, except the request to close
   * @throws {FrameError} for an invalid size
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
        if (size < SIZE_BYTES) throw new FrameError(`a response of ${size} bytes`)
        this.#bodyBytesLeft = size
        at += SIZE_BYTES
      }
    }
    return bytes.subarray(0, at)
  }
}
