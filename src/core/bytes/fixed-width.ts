/**
 * Numbers of a fixed width, big endian, in small arrays. They go through one shared view: making a view of an array
 * takes many times as long as writing a number.
 */

const TWO_POW_32 = 0x1_0000_0000
const shared = new Uint8Array(8)
const view = new DataView(shared.buffer)

export function writeInt32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** Writes a safe integer as an int64. */
export function writeInt64(target: Uint8Array, at: number, value: number): void {
  writeInt32(target, at, Math.floor(value / TWO_POW_32))
  writeInt32(target, at + 4, value >>> 0)
}

/** Reads an int64. The result is exact if it is a safe integer, and an unsafe number otherwise. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * TWO_POW_32 + (readInt32(bytes, at + 4) >>> 0)
}

export function writeFloat64(target: Uint8Array, at: number, value: number): void {
  view.setFloat64(0, value)
  target.set(shared, at)
}

export function readFloat64(bytes: Uint8Array, at: number): number {
  for (let index = 0; index < 8; index++) shared[index] = bytes[at + index] as number
  return view.getFloat64(0)
}
