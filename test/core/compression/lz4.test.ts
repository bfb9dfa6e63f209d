import { describe, expect, it } from 'vitest'
import { lz4Codec } from '../../../src/core/compression/lz4/lz4.ts'
import { xxhash32 } from '../../../src/core/compression/lz4/xxhash32.ts'
import { fromHex, toHex, utf8 } from '../bytes/hex.ts'
import {
  LINES,
  LZ4_CHECKSUMS,
  LZ4_INDEPENDENT,
  LZ4_LINKED,
  LZ4_LINKED_CONTENT,
} from './reference-vectors.ts'

async function decompress(bytes: Uint8Array, maxBytes = 100_000): Promise<string> {
  return toHex(await lz4Codec.decompress(bytes, maxBytes))
}

function changed(bytes: Uint8Array, position: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[position < 0 ? bytes.length + position : position] = value
  return copy
}

describe('lz4Codec', () => {
  it('writes the same header as the Java client', async () => {
    const frame = await lz4Codec.compress(LINES)
    expect(toHex(frame.subarray(0, 7))).toBe('04224d18604082')
    expect(toHex(frame.subarray(-4))).toBe('00000000')
  })

  it.each([
    ['independent blocks', LZ4_INDEPENDENT, LINES],
    ['checksums and a content size', LZ4_CHECKSUMS, LINES],
    ['linked blocks', LZ4_LINKED, LZ4_LINKED_CONTENT],
  ])('reads a reference frame with %s', async (_, frame, content) => {
    expect(await decompress(frame)).toBe(toHex(content))
  })

  it.each([
    ['another magic', changed(LZ4_INDEPENDENT, 0, 5)],
    ['another version', changed(LZ4_INDEPENDENT, 4, 0xa0)],
    ['a reserved bit', changed(LZ4_INDEPENDENT, 4, 0x62)],
    ['a block size of 32 KiB', changed(LZ4_INDEPENDENT, 5, 0x30)],
    ['a wrong header checksum', changed(LZ4_INDEPENDENT, 6, 0x83)],
    ['a dictionary', fromHex('04224d18 6140 00000000 73')],
    ['a wrong block checksum', changed(LZ4_CHECKSUMS, -12, 0)],
    ['a wrong content checksum', changed(LZ4_CHECKSUMS, -1, 0)],
    ['linked blocks that are flagged as independent', independent(LZ4_LINKED)],
    ['a block larger than the frame allows', fromHex('04224d18604082 01000180')],
    ['an offset of 0', fromHex('04224d18604082 09000000 1061 0000 50 6262626262 00000000')],
  ])('refuses %s', async (_, frame) => {
    await expect(decompress(frame)).rejects.toMatchObject({ code: 'corrupt_message' })
  })

  it('refuses a wrong content size', async () => {
    for (const sizeBytes of [0x01a5, 0x01a7]) {
      const frame = LZ4_CHECKSUMS.slice()
      frame[6] = sizeBytes & 0xff
      frame[14] = (xxhash32(frame.subarray(4, 14)) >>> 8) & 0xff
      await expect(decompress(frame)).rejects.toMatchObject({ code: 'corrupt_message' })
    }
  })
})

function independent(frame: Uint8Array): Uint8Array {
  const copy = changed(frame, 4, (frame[4] as number) | 0x20)
  copy[6] = (xxhash32(copy.subarray(4, 6)) >>> 8) & 0xff
  return copy
}

describe('xxhash32()', () => {
  it.each([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('hashes %j like the reference', (text, hash) => {
    expect(xxhash32(utf8(text))).toBe(hash)
  })
})
