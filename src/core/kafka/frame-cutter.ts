/**
 * Cuts the bytes of a connection into frames.
 *
 *   int32 size | size bytes
 */
import { concatenate } from '../bytes/concatenate.ts'

const SIZE_BYTES = 4

/** Invalid bytes at the beginning of a frame. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** A whole frame, size included, as it is sent to the server. */
export type Frame = Uint8Array

/** Returns a frame of the given bytes. */
export function frameOf(bytes: Uint8Array): Frame {
  const frame = new Uint8Array(SIZE_BYTES + bytes.length)
  new DataView(frame.buffer).setInt32(0, bytes.length)
  frame.set(bytes, SIZE_BYTES)
  return frame
}

export class FrameCutter {
  /** Largest frame, its size included. */
  frameBytesMax: number
  #parts: Uint8Array[] = []
  #heldBytes = 0

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /** Bytes of the incomplete frame. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * @returns the complete frames, which may be views of `chunk`
   * @throws {FrameError} for a size that is invalid or too large
   */
  push(chunk: Uint8Array): Frame[] {
    this.#parts.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < SIZE_BYTES || this.#heldBytes < this.#neededBytes()) return []
    const [first = chunk, ...others] = this.#parts
    const bytes = others.length === 0 ? first : concatenate(this.#parts)
    const frames: Frame[] = []
    let start = 0
    while (bytes.length - start >= SIZE_BYTES) {
      const end = start + SIZE_BYTES + this.#sizeAt(bytes, start)
      if (end > bytes.length) break
      frames.push(bytes.subarray(start, end))
      start = end
    }
    const rest = bytes.subarray(start)
    this.#parts = rest.length === 0 ? [] : [rest]
    this.#heldBytes = rest.length
    return frames
  }

  /** Returns the bytes that the first frame needs, its size included. */
  #neededBytes(): number {
    const [first] = this.#parts
    if (first === undefined || first.length < SIZE_BYTES) {
      // The size itself is split over several chunks, which is rare.
      this.#parts = [concatenate(this.#parts)]
    }
    return SIZE_BYTES + this.#sizeAt(this.#parts[0] as Uint8Array, 0)
  }

  /** Drops the incomplete frame. @returns its received bytes */
  clear(): number {
    const bytes = this.#heldBytes
    this.#parts = []
    this.#heldBytes = 0
    return bytes
  }

  #sizeAt(bytes: Uint8Array, at: number): number {
    const size = new DataView(bytes.buffer, bytes.byteOffset + at, SIZE_BYTES).getInt32(0)
    if (size >= 0 && size <= this.frameBytesMax - SIZE_BYTES) return size
    throw new FrameError(`a frame of ${size} bytes`)
  }
}
