import { describe, expect, it } from 'vitest'
import { snappyCodec } from '../../../src/core/compression/snappy/snappy.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { LINES, SNAPPY_BLOCK, XERIAL_CONTENT, XERIAL_STREAM } from './reference-vectors.ts'

async function decompress(hex: string, maxBytes = 1000): Promise<string> {
  return toHex(await snappyCodec.decompress(fromHex(hex), maxBytes))
}

describe('snappyCodec', () => {
  it('reads a raw block of the reference', async () => {
    expect(toHex(await snappyCodec.decompress(SNAPPY_BLOCK, 1000))).toBe(toHex(LINES))
  })

  it("reads Java's framing", async () => {
    expect(toHex(await snappyCodec.decompress(XERIAL_STREAM, 1000))).toBe(toHex(XERIAL_CONTENT))
  })

  it.each([
    ['a literal with its length in 1 byte', '03 f002 616263', '616263'],
    ['a literal with its length in 4 bytes', '03 fc02000000 616263', '616263'],
    ['a copy with a 4-byte offset', '08 0c61626364 0f 04000000', '6162636461626364'],
    ['a copy with a 2-byte offset', '08 0c61626364 0e 0400', '6162636461626364'],
    ['a copy with an 11-bit offset', '08 0c61626364 01 04', '6162636461626364'],
    ['a copy that overlaps itself', '05 0061 01 01', '6161616161'],
  ])('reads %s', async (_, hex, content) => {
    expect(await decompress(hex)).toBe(content)
  })

  it.each([
    ['no length', ''],
    ['a length of more than 32 bits', 'ffffffff1f'],
    ['a length that the input cannot reach', 'ffffff7f 0061'],
    ['content shorter than the length', '05 0061'],
    ['content longer than the length', '01 0461626364'],
    ['a literal beyond the end', '05 1061'],
    ['an offset of 0', '05 0061 0100'],
    ['an offset before the beginning', '05 0061 0102'],
    ['a truncated offset', '05 0061 0e04'],
    ['a negative xerial block size', '82534e4150505900 00000001 00000001 ffffffff 0061'],
    ['an xerial block beyond the end', '82534e4150505900 00000001 00000001 00000003 0061'],
    ['an empty xerial block', '82534e4150505900 00000001 00000001 00000000'],
  ])('refuses %s', async (_, hex) => {
    await expect(decompress(hex)).rejects.toMatchObject({ code: 'corrupt_message' })
  })

  it('counts all xerial blocks against the limit', async () => {
    const decompressUnder = async (max: number) => snappyCodec.decompress(XERIAL_STREAM, max)
    await expect(decompressUnder(599)).rejects.toMatchObject({ code: 'message_too_large' })
    expect(await decompressUnder(600)).toHaveLength(600)
  })
})
