import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompressZstd } from '../../../src/core/compression/zstd/zstd-decode.ts'
import { compressZstd } from '../../../src/core/compression/zstd/zstd-encode.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { toHex, utf8 } from '../bytes/hex.ts'
import { LINES } from './reference-vectors.ts'

const KIB = 1024
const BLOCK_BYTES = 128 * KIB

/** Expects that our decoder restores the content, and the reference too if this version of Node contains it. */
function expectRestored(content: Uint8Array): void {
  const compressed = compressZstd(content)
  expect(compressed.length).toBeLessThanOrEqual(
    content.length + 10 + 3 * Math.max(1, Math.ceil(content.length / BLOCK_BYTES)),
  )
  expect(Buffer.compare(decompressZstd(compressed, content.length), content)).toBe(0)
  if (!('zstdDecompressSync' in zlib)) return
  expect(Buffer.compare(zlib.zstdDecompressSync(compressed), content)).toBe(0)
}

/** Returns bytes below `symbols`, each as frequent as any other, from a linear congruence. */
function noise(length: number, symbols = 256, seed = 1): Uint8Array {
  let state = seed
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * symbols)
  })
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Returns bytes whose counts grow like Fibonacci numbers, which makes the deepest tree, in a mixed order. */
function deepTree(): Uint8Array {
  const counts = [1, 1]
  while (counts.length < 23) counts.push((counts.at(-1) as number) + (counts.at(-2) as number))
  const sorted = counts.flatMap((count, byte) => new Array<number>(count).fill(byte * 11))
  const order = noise(sorted.length * 4)
  const keys = sorted.map((_, index) => Buffer.from(order.buffer).readUInt32LE(index * 4))
  return new Uint8Array(
    sorted
      .map((byte, index) => [keys[index] as number, byte] as const)
      .sort(([a], [b]) => a - b)
      .map(([, byte]) => byte)
      .slice(0, 60_000),
  )
}

const far = noise(5_000, 256, 2)
const CONTENTS: [string, Uint8Array][] = [
  ['nothing', new Uint8Array()],
  ['255 bytes', noise(255, 4)],
  ['256 bytes', noise(256, 4)],
  ['a block of one byte value', new Uint8Array(BLOCK_BYTES).fill(9)],
  ['one byte more than a block', join(noise(BLOCK_BYTES, 7), new Uint8Array([1]))],
  ['literals of two values', noise(2_000, 2)],
  ['literals of 129 values', noise(5_000, 129)],
  ['literals of 255 values, of which few are frequent', join(noise(600), noise(6_000, 12))],
  ['a tree that would be too deep', deepTree()],
  ['1,023 literals in one stream', noise(1_023, 30)],
  ['1,024 literals in four streams', noise(1_024, 30)],
  ['16,384 literals', noise(16_384, 30)],
  ['a match of a whole block', join(noise(40), new Uint8Array(BLOCK_BYTES + 7), noise(9))],
  ['70,000 literals before a match', join(far, noise(70_000), far)],
  ['a match 1 MiB back', join(far, noise(KIB * KIB - 5_000), far)],
  ['a repetition more than 1 MiB back', join(far, noise(KIB * KIB - 4_999), far)],
  ['blocks with and without a gain', join(noise(BLOCK_BYTES), LINES, noise(BLOCK_BYTES), LINES)],
  [
    'distances that alternate',
    join(...Array.from({ length: 400 }, (_, i) => noise(20, 256, i % 3))),
  ],
  [
    'more than 32,000 sequences',
    join(...Array.from({ length: 25_000 }, (_, i) => noise(5, 256, (i * 7_919) % 90))),
  ],
]

/*
 * Question: do our decoder and the reference restore what was compressed?
 * Generated: pieces of few and of many byte values, runs, and copies from near and far; up to some 100 kB.
 * Limits: contents of several blocks are mostly in the list above.
 */
const pieces = fc.array(
  fc.oneof(
    fc.record({ length: fc.nat(3_000), symbols: fc.integer({ min: 1, max: 256 }), seed: fc.nat() }),
    fc.record({ back: fc.nat(100_000), length: fc.nat(20_000) }),
  ),
  { maxLength: 40 },
)

describe('compressZstd()', () => {
  it.each(CONTENTS)('restores %s', (_, content) => expectRestored(content))

  it('restores contents of any form', () => {
    const property = fc.property(pieces, (all) => {
      let content: Uint8Array = new Uint8Array()
      for (const piece of all) {
        const from = 'back' in piece ? Math.max(0, content.length - piece.back) : 0
        const next =
          'back' in piece
            ? content.slice(from, from + piece.length)
            : noise(piece.length, piece.symbols, piece.seed)
        content = join(content, next)
      }
      expectRestored(content)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(300) })
  })

  it('writes the size of the content, one byte for small content', () => {
    expect(toHex(compressZstd(utf8('abc')))).toBe('28b52ffd20031900006162' + '63')
  })

  it('names a window of 1 MiB for longer content', () => {
    const frame = compressZstd(new Uint8Array(KIB * KIB + 1))
    expect(toHex(frame.subarray(4, 10))).toBe('805001001000')
  })

  it('compresses records in JSON to less than a third', () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => {
      const [a, b] = noise(2, 250, index * 77)
      return JSON.stringify({ user: `user-${a}`, path: `/shop/${b}`, at: 1_700_000_000 + index })
    })
    const content = utf8(lines.join('\n'))
    expect(compressZstd(content).length).toBeLessThan(content.length / 3)
  })
})
