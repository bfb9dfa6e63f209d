import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { runs, SEEDED, TEST_SEED } from '../../support/seed.ts'
import { toHex, utf8 } from '../bytes/hex.ts'
import { LINES } from './reference-vectors.ts'

const COMPRESSIONS = ['gzip', 'snappy', 'lz4', 'zstd'] as const

const MIB = 1024 * 1024

/** Returns bytes without a pattern, from a linear congruence; a seed always gives the same bytes. */
function noise(length: number): Uint8Array {
  let state = TEST_SEED | 1
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state >>> 24
  })
}

function repeated(bytes: Uint8Array, times: number): Uint8Array {
  return new Uint8Array(bytes.length * times).map(
    (_, index) => bytes[index % bytes.length] as number,
  )
}

const CONTENTS: [string, Uint8Array][] = [
  ['nothing', new Uint8Array()],
  ['one byte', utf8('x')],
  ['14 bytes', utf8('xxxxxxxxxxxxxx')],
  ['lines of JSON', LINES],
  ['a megabyte of zeros', new Uint8Array(MIB)],
  ['just 64 KiB of noise', noise(65_536)],
  ['64 KiB and one byte of noise', noise(65_537)],
  ['300 kB of noise', noise(300_000)],
  ['noise that repeats after 60,000 bytes', repeated(noise(60_000), 4)],
]

/*
 * Question: does each codec decompress its own output to the original?
 * Generated: pieces of random bytes and copies of earlier bytes, near and beyond 64 KiB away.
 * Limits: whether other implementations read our output is tested in test/interop, and for zstd in zstd-encode.test.ts.
 */
const compressible = fc
  .array(
    fc.oneof(
      fc.record({ literal: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({
        back: fc.integer({ min: 1, max: 90_000 }),
        length: fc.integer({ min: 1, max: 9_000 }),
      }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => {
    const bytes: number[] = []
    for (const piece of pieces) {
      if ('literal' in piece) {
        bytes.push(...piece.literal)
        continue
      }
      const { back, length } = piece
      for (let index = 0; index < length; index++) bytes.push(bytes[bytes.length - back] ?? 7)
    }
    return new Uint8Array(bytes)
  })

describe.each(COMPRESSIONS)('%s', (name) => {
  const codec = CODECS[name]

  it.each(CONTENTS)('restores %s', async (_, content) => {
    const compressed = await codec.compress(content)
    expect(Buffer.compare(await codec.decompress(compressed, content.length), content)).toBe(0)
  })

  it('restores everything that it compressed', async () => {
    const property = fc.asyncProperty(compressible, async (content) => {
      const compressed = await codec.compress(content)
      expect(Buffer.compare(await codec.decompress(compressed, content.length), content)).toBe(0)
    })
    await fc.assert(property, { ...SEEDED, numRuns: runs(60) })
  })

  it('makes compressible data smaller', async () => {
    expect((await codec.compress(LINES)).length).toBeLessThan(LINES.length * 0.4)
    expect((await codec.compress(new Uint8Array(MIB))).length).toBeLessThan(MIB / 20)
    expect((await codec.compress(noise(MIB))).length).toBeLessThan(MIB * 1.001)
  })

  it('reads a view in the middle of a buffer', async () => {
    const compressed = await codec.compress(LINES)
    const inside = new Uint8Array(compressed.length + 7)
    inside.set(compressed, 3)
    const view = inside.subarray(3, 3 + compressed.length)
    expect(toHex(await codec.decompress(view, MIB))).toBe(toHex(LINES))
  })

  it('refuses a decompression bomb, and content that is one byte too long', async () => {
    const bomb = await codec.compress(new Uint8Array(64 * MIB))
    const decompress = async (bytes: Uint8Array, max: number) => codec.decompress(bytes, max)
    await expect(decompress(bomb, MIB)).rejects.toMatchObject({ code: 'message_too_large' })
    const compressed = await codec.compress(LINES)
    await expect(decompress(compressed, LINES.length - 1)).rejects.toMatchObject({
      code: 'message_too_large',
    })
  })

  it('refuses every truncation', async () => {
    const compressed = await codec.compress(LINES)
    for (let length = 0; length < compressed.length; length++) {
      const decompress = async () => codec.decompress(compressed.subarray(0, length), MIB)
      await expect(decompress()).rejects.toMatchObject({ code: 'corrupt_message' })
    }
  })

  it('refuses trailing bytes', async () => {
    const compressed = await codec.compress(LINES)
    const longer = new Uint8Array(compressed.length + 5)
    longer.set(compressed)
    const decompress = async () => codec.decompress(longer, MIB)
    await expect(decompress()).rejects.toMatchObject({ code: 'corrupt_message' })
  })
})
