import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { utf8Length } from '../../../src/core/bytes/utf8-length.ts'
import { varintSizeBytes, varlongSizeBytes } from '../../../src/core/bytes/varint-size.ts'
import { SEEDED } from '../../support/seed.ts'
import { toHex, utf8 } from './hex.ts'

describe('ByteWriter', () => {
  it('grows during writes', () => {
    const writer = new ByteWriter(1)
    for (let index = 0; index < 1000; index++) writer.int16(index)
    expect(writer.position).toBe(2000)
    expect(toHex(writer.toBytes().subarray(1996))).toBe('03e603e7')
  })

  it('overwrites with patchInt32(), and discards with truncate()', () => {
    const writer = new ByteWriter()
    writer.int32(0)
    writer.int16(7)
    writer.patchInt32(0, 2)
    writer.int8(9)
    writer.truncate(6)
    expect(toHex(writer.toBytes())).toBe('000000020007')
  })

  it('returns the written bytes without a copy from toView()', () => {
    const writer = new ByteWriter()
    writer.int32(1)
    const view = writer.toView()
    writer.patchInt32(0, 2)
    expect(toHex(view)).toBe('00000002')
  })

  it('returns a copy from toBytes()', () => {
    const writer = new ByteWriter()
    writer.int8(1)
    const bytes = writer.toBytes()
    writer.truncate(0)
    writer.int8(2)
    expect(toHex(bytes)).toBe('01')
  })

  it.each([
    '',
    'a',
    'grüße',
    '漢字',
    '🚀🚀',
    'x'.repeat(100),
    'ä'.repeat(100),
    '\ud800',
    'a\udc00b',
  ])('writes %j with utf8() like TextEncoder', (text) => {
    const writer = new ByteWriter(0)
    writer.int8(1)
    writer.utf8(text)
    expect(toHex(writer.toBytes())).toBe(`01${toHex(utf8(text))}`)
  })

  it('writes any byte with latin1()', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    const writer = new ByteWriter(0)
    writer.int8(1)
    writer.latin1(String.fromCharCode(...bytes))
    expect(toHex(writer.toBytes())).toBe(`01${toHex(bytes)}`)
  })

  it('predicts the sizes of varints and text', () => {
    const property = fc.property(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      (int, long, text) => {
        const sizeOf = (write: (writer: ByteWriter) => void) => {
          const writer = new ByteWriter()
          write(writer)
          return writer.position
        }
        expect(varintSizeBytes(int)).toBe(sizeOf((writer) => writer.varint(int)))
        expect(varlongSizeBytes(long)).toBe(sizeOf((writer) => writer.varlong(long)))
        expect(utf8Length(text)).toBe(sizeOf((writer) => writer.utf8(text)))
      },
    )
    fc.assert(property, SEEDED)
  })
})
