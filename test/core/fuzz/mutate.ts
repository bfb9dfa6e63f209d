import type { Random } from '../../support/random.ts'

/** Bytes at which off-by-one errors are likely. */
const EDGES = [0x00, 0x01, 0x02, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff]

/** Returns a damaged copy: up to six changes at random positions, often near the start, where the lengths are. */
export function mutate(random: Random, source: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = source.slice()
  for (let changes = 1 + random.below(6); changes > 0; changes--) bytes = change(random, bytes)
  return bytes
}

function change(random: Random, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return random.bytes(random.below(40))
  const at = random.below(random.below(3) === 0 ? Math.min(bytes.length, 80) : bytes.length)
  switch (random.below(8)) {
    case 0:
    case 1:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
      return bytes
    case 2:
      bytes[at] = random.below(256)
      return bytes
    case 3:
      bytes[at] = random.pick(EDGES)
      return bytes
    case 4:
      bytes.fill(random.pick(EDGES), at, at + 1 + random.below(8))
      return bytes
    case 5:
      return bytes.slice(0, at)
    case 6:
      return splice(bytes, at, random.below(9), random.bytes(random.below(9)))
    default:
      // Copies a piece of the input to another position, so that lengths and elements stay plausible.
      return splice(bytes, at, 0, bytes.slice(random.below(bytes.length)).slice(0, 60))
  }
}

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array) {
  const head = bytes.subarray(0, at)
  const tail = bytes.subarray(Math.min(at + removed, bytes.length))
  return new Uint8Array(Buffer.concat([head, inserted, tail]))
}
