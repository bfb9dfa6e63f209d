import * as zlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decompressZstd } from '../../../src/core/compression/zstd/zstd-decode.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { LINES, ZSTD_FRAME } from './reference-vectors.ts'

/** Several blocks: text with few and many symbols, runs, and matches near and far. */
const MIXED = new Uint8Array(300_000).map((_, index) =>
  index % 7_000 < 900 ? 7 : (LINES[(index * (index >>> 12)) % LINES.length] as number),
)

async function decompress(bytes: Uint8Array, maxBytes = 1000): Promise<string> {
  return toHex(decompressZstd(bytes, maxBytes))
}

describe('decompressZstd()', () => {
  it('reads a frame of the reference', async () => {
    expect(await decompress(ZSTD_FRAME)).toBe(toHex(LINES))
  })

  it.each([
    ['raw', '28b52ffd 00 58 190000 616263', '616263'],
    ['repeated', '28b52ffd 00 58 1b0000 61', '616161'],
  ])('reads a %s block without a content size', async (_, hex, content) => {
    expect(await decompress(fromHex(hex))).toBe(content)
  })

  it('reads a frame with a window of 2 GB, without allocating the window', async () => {
    expect(await decompress(fromHex('28b52ffd 00 ff 190000 616263'))).toBe('616263')
  })

  it.runIf('zstdCompressSync' in zlib)(
    'reads the output of the reference at every level',
    async () => {
      const { ZSTD_c_checksumFlag, ZSTD_c_compressionLevel } = zlib.constants
      for (let level = -7; level <= 19; level++) {
        for (const content of [LINES, MIXED]) {
          const params = { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: level & 1 }
          const compressed = new Uint8Array(zlib.zstdCompressSync(content, { params }))
          expect(await decompress(compressed, content.length)).toBe(toHex(content))
        }
      }
    },
  )

  it('refuses a content size above the limit before decoding', async () => {
    const hex = '28b52ffd a0 00000080 190000 616263'
    await expect(decompress(fromHex(hex))).rejects.toMatchObject({ code: 'message_too_large' })
  })

  it.each([
    ['another magic', '28b52ffc 00 58 190000 616263'],
    ['a dictionary', '28b52ffd 01 58 07 190000 616263'],
    ['the reserved bit', '28b52ffd 08 58 190000 616263'],
    ['the reserved block type', '28b52ffd 00 58 1f0000 616263'],
    ['a missing checksum', '28b52ffd 04 58 190000 616263'],
    ['a block that would take minutes', '28b52ffd 00 58 4d0000 00ffffff54000034 01'],
    ['a block larger than 128 KiB', '28b52ffd 00 58 0b0010 61'],
    ['a wrong content size', '28b52ffd 20 04 190000 616263'],
    ['a second frame', '28b52ffd 00 58 190000 616263 28b52ffd 00 58 190000 616263'],
    ['a block with an invalid code', '28b52ffd 00 58 1d0000 ffffff'],
  ])('refuses %s', async (_, hex) => {
    await expect(decompress(fromHex(hex))).rejects.toMatchObject({ code: 'corrupt_message' })
  })
})
