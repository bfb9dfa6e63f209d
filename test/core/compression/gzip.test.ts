import * as zlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { crc32 } from '../../../src/core/compression/gzip/crc32.ts'
import { gzipCodec } from '../../../src/core/compression/gzip/gzip.ts'
import { fromHex, toHex, utf8 } from '../bytes/hex.ts'
import { LINES } from './reference-vectors.ts'

const MIB = 1024 * 1024
/** Long enough for several blocks, and for matches at the maximum distance. */
const LONG = new Uint8Array(200_000).map((_, index) => (index * index) >>> (index >>> 14))

async function decompress(bytes: Uint8Array, maxBytes = MIB): Promise<string> {
  return toHex(await gzipCodec.decompress(bytes, maxBytes))
}

/** Returns a gzip member with invalid deflate data. */
function member(deflated: string): Uint8Array {
  return fromHex(`1f8b0800000000000003 ${deflated} 00000000 00000000`)
}

describe('gzipCodec', () => {
  it('writes data that node:zlib reads', async () => {
    for (const content of [LINES, LONG]) {
      expect(toHex(zlib.gunzipSync(await gzipCodec.compress(content)))).toBe(toHex(content))
    }
  })

  it.each([
    ['stored blocks', { level: 0 }],
    ['the fastest level', { level: 1 }],
    ['the best level', { level: 9 }],
    ['fixed codes', { strategy: zlib.constants.Z_FIXED }],
    ['codes without matches', { strategy: zlib.constants.Z_HUFFMAN_ONLY }],
    ['runs only', { strategy: zlib.constants.Z_RLE }],
    ['a small window', { windowBits: 9, memLevel: 1 }],
  ])('reads output of zlib with %s', async (_, options) => {
    for (const content of [new Uint8Array(), utf8('a'), LINES, LONG]) {
      const compressed = new Uint8Array(zlib.gzipSync(content, options))
      expect(await decompress(compressed, content.length)).toBe(toHex(content))
    }
  })

  it('reads a member with all optional fields', async () => {
    const compressed = new Uint8Array(zlib.gzipSync(LINES))
    compressed[3] = 0x1e
    const fields = fromHex('0300 010203 6e616d6500 636f6d6d656e7400 abcd')
    const long = new Uint8Array(
      Buffer.concat([compressed.subarray(0, 10), fields, compressed.subarray(10)]),
    )
    expect(await decompress(long)).toBe(toHex(LINES))
  })

  it('refuses a wrong CRC and a wrong length', async () => {
    for (const position of [-8, -5, -4, -1]) {
      const compressed = new Uint8Array(zlib.gzipSync(LINES))
      const at = compressed.length + position
      compressed[at] = (compressed[at] as number) ^ 1
      await expect(decompress(compressed)).rejects.toMatchObject({ code: 'corrupt_message' })
    }
  })

  it.each([
    ['another magic', fromHex('1f8c0800000000000003 0300 00000000 00000000')],
    ['another method', fromHex('1f8b0700000000000003 0300 00000000 00000000')],
    ['reserved flags', fromHex('1f8b0820000000000003 0300 00000000 00000000')],
    ['an unterminated name', fromHex('1f8b0808000000000003 6e6e 6e6e6e6e 6e6e6e6e')],
    ['an extra field beyond the end', fromHex('1f8b0804000000000003 ffff 00000000 00000000')],
    ['block type 3', member('07')],
    ['a stored block whose length does not match its complement', member('01 0100 0000 61')],
    ['a distance before the beginning', member('4b 04 02')],
    ['codes that end early', member('05')],
    ['more codes than lengths allow', member('05 e0 ff ff ff ff ff')],
  ])('refuses %s', async (_, bytes) => {
    await expect(decompress(bytes)).rejects.toMatchObject({ code: 'corrupt_message' })
  })

  it('refuses a second member', async () => {
    const twice = Buffer.concat([zlib.gzipSync(LINES), zlib.gzipSync(LINES)])
    await expect(decompress(new Uint8Array(twice))).rejects.toMatchObject({
      code: 'corrupt_message',
    })
  })
})

describe('crc32()', () => {
  it('has the check value of the standard', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926)
  })
})
