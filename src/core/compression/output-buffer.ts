/** Output of unknown length: grows by doubling, up to the limit. */
export class OutputBuffer {
  /** The bytes written so far, followed by free room. Replaced by `reserve`. */
  buffer: Uint8Array
  length = 0
  readonly bytesMax: number

  constructor(expectedBytes: number, bytesMax: number) {
    this.buffer = new Uint8Array(Math.min(expectedBytes, bytesMax))
    this.bytesMax = bytesMax
  }

  /** Makes room after `length` for `count` bytes, or for as many as the limit allows; returns how many. */
  reserve(count: number): number {
    const room = Math.min(count, this.bytesMax - this.length)
    const needed = this.length + room
    if (needed > this.buffer.length) {
      const doubled = Math.min(this.buffer.length * 2, this.bytesMax)
      const buffer = new Uint8Array(Math.max(needed, doubled))
      buffer.set(this.buffer.subarray(0, this.length))
      this.buffer = buffer
    }
    return room
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
