import { describe, expect, it } from 'vitest'
import { zstdDecodeCodec } from '../../../../src/core/batch/compression/zstd-decode.ts'
import { fromHex, toHex } from '../../bytes/hex.ts'
import { LINES, ZSTD_FRAME } from './reference-vectors.ts'

async function decompress(bytes: Uint8Array, maxBytes = 1000): Promise<string> {
  return toHex(await zstdDecodeCodec.decompress(bytes, maxBytes))
}

describe('zstdDecodeCodec', () => {
  it('reads a frame of the reference', async () => {
    expect(await decompress(ZSTD_FRAME)).toBe(toHex(LINES))
  })

  it('refuses to compress, and says what to do', () => {
    expect(() => zstdDecodeCodec.compress(LINES)).toThrow('choose gzip, snappy or lz4')
  })

  it.each([
    ['raw', '28b52ffd 00 58 190000 616263', '616263'],
    ['repeated', '28b52ffd 00 58 1b0000 61', '616161'],
  ])('reads a %s block without a content size', async (_, hex, content) => {
    expect(await decompress(fromHex(hex))).toBe(content)
  })

  it('reads a frame that asks for a window of 2 GB, without such a window', async () => {
    expect(await decompress(fromHex('28b52ffd 00 ff 190000 616263'))).toBe('616263')
  })

  it('refuses a content size beyond the cap before it decodes', async () => {
    const hex = '28b52ffd a0 00000080 190000 616263'
    await expect(decompress(fromHex(hex))).rejects.toMatchObject({ code: 'message_too_large' })
  })

  it.each([
    ['another magic', '28b52ffc 00 58 190000 616263'],
    ['a dictionary', '28b52ffd 01 58 07 190000 616263'],
    ['the reserved bit', '28b52ffd 08 58 190000 616263'],
    ['the reserved block type', '28b52ffd 00 58 1f0000 616263'],
    ['a missing checksum', '28b52ffd 04 58 190000 616263'],
    ['a second frame', '28b52ffd 00 58 190000 616263 28b52ffd 00 58 190000 616263'],
    ['a block that is no code', '28b52ffd 00 58 1d0000 ffffff'],
  ])('refuses %s', async (_, hex) => {
    await expect(decompress(fromHex(hex))).rejects.toMatchObject({ code: 'corrupt_message' })
  })
})
