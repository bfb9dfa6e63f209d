/** Corruptions of messages, by bad lines and by attackers. */
import fc from 'fast-check'

export type Mutation = (bytes: Uint8Array) => Uint8Array

/** Flips one bit. */
export const flips = fc.tuple(fc.nat(), fc.nat({ max: 7 })).map(
  ([at, bit]): Mutation =>
    (bytes) =>
      changed(bytes, at, (byte) => [byte ^ (1 << bit)]),
)
/** Counts and lengths in both encodings, including values beyond their range. */
const wildCounts = fc
  .tuple(
    fc.nat(),
    fc.constantFrom<number[]>(
      [0x7f, 0xff, 0xff, 0xff],
      [0xff, 0xff, 0xff, 0xff],
      [0x80, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [0, 0x10, 0, 0],
      [0x7f, 0xff],
    ),
  )
  .map(
    ([at, count]): Mutation =>
      (bytes) =>
        changed(bytes, at, () => count),
  )
const cut = fc.nat().map(
  (length): Mutation =>
    (bytes) =>
      bytes.subarray(0, length % (bytes.length + 1)),
)
const noise = fc.uint8Array({ maxLength: 300 }).map(
  (bytes): Mutation =>
    () =>
      bytes,
)
/** Applies one to four changes, one after the other. */
export const mutations = fc
  .array(fc.oneof({ weight: 4, arbitrary: flips }, wildCounts, cut, noise), {
    minLength: 1,
    maxLength: 4,
  })
  .map(
    (each): Mutation =>
      (bytes) =>
        each.reduce((before, mutate) => mutate(before), bytes),
  )

/** Returns `bytes` with other bytes in place of the one at `at`, or also in place of those after it. */
function changed(bytes: Uint8Array, at: number, to: (byte: number) => number[]): Uint8Array {
  if (bytes.length === 0) return bytes
  const index = at % bytes.length
  const instead = to(bytes[index] as number)
  return Uint8Array.of(
    ...bytes.subarray(0, index),
    ...instead,
    ...bytes.subarray(index + instead.length),
  )
}
