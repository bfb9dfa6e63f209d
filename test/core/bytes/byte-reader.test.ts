import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { SEEDED } from '../../support/seed.ts'
import { fromHex, toHex } from './hex.ts'

function reader(hex: string): ByteReader {
  return new ByteReader(fromHex(hex))
}

const safeInteger = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(
    0,
    -1,
    63,
    64,
    -64,
    -65,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    -(2 ** 53 - 1),
    2 ** 52,
  ),
)

describe('ByteReader', () => {
  it('reads fixed widths in big endian', () => {
    const bytes = reader('ff fffe fffffffd fffffffd fffffffffffffffc 0000000100000002')
    expect(bytes.int8()).toBe(-1)
    expect(bytes.int16()).toBe(-2)
    expect(bytes.int32()).toBe(-3)
    expect(bytes.uint32()).toBe(0xfffffffd)
    expect(bytes.int64()).toBe(-4n)
    expect(bytes.int64AsNumber()).toBe(2 ** 32 + 2)
    expect(bytes.remaining).toBe(0)
  })

  it('returns views, not copies', () => {
    const source = fromHex('010203')
    const bytes = new ByteReader(source)
    bytes.skip(1)
    const view = bytes.bytes(2)
    source[1] = 9
    expect(toHex(view)).toBe('0903')
    expect(bytes.position).toBe(3)
  })

  it.each([
    ['int8', ''],
    ['int16', '00'],
    ['int32', '000000'],
    ['uint32', '000000'],
    ['int64', '00000000000000'],
    ['int64AsNumber', '00000000000000'],
    ['varint', ''],
    ['varint', '80'],
    ['varlong', 'ffff'],
    ['unsignedVarint', 'ffffffff'],
  ] as const)('refuses in %s() input that ends after "%s"', (method, hex) => {
    expect(() => reader(hex)[method]()).toThrow(DecodeError)
  })

  it.each([-1, 4, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 31)])(
    'refuses in bytes() and skip() a length of %d',
    (count) => {
      expect(() => reader('010203').bytes(count)).toThrow(DecodeError)
      expect(() => reader('010203').skip(count)).toThrow(DecodeError)
    },
  )

  it.each(['0020000000000000', 'ffe0000000000000', '7fffffffffffffff', '8000000000000000'])(
    'refuses in int64AsNumber() %s, beyond 2^53 - 1',
    (hex) => {
      expect(() => reader(hex).int64AsNumber()).toThrow('at byte 0: int64 beyond 2^53 - 1')
    },
  )

  it.each([
    ['varint', 'ffffffff10', 'more than 32 bits'],
    ['varint', '808080808001', 'more than 32 bits'],
    ['unsignedVarint', 'ffffffff1f', 'more than 32 bits'],
    ['varlong', 'ffffffffffffffffff02', 'more than 64 bits'],
    ['varlong', '8080808080808080808001', 'more than 64 bits'],
    ['varlong', 'ffffffffffffffffff01', 'beyond 2^53 - 1'],
    ['varlong', '8080808080808020', 'beyond 2^53 - 1'],
  ] as const)('refuses in %s() %s', (method, hex, message) => {
    expect(() => reader(hex)[method]()).toThrow(message)
  })

  it.each([
    ['00', 0],
    ['01', -1],
    ['02', 1],
    ['7e', 63],
    ['8001', 64],
    ['feffffff0f', 2 ** 31 - 1],
    ['ffffffff0f', -(2 ** 31)],
  ])('reads in varint() %s as %d, like Kafka', (hex, value) => {
    expect(reader(hex).varint()).toBe(value)
    expect(reader(hex).varlong()).toBe(value)
  })

  it('reads back everything that ByteWriter wrote', () => {
    const property = fc.property(
      fc.integer(),
      fc.nat(0xffffffff),
      safeInteger,
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.uint8Array({ maxLength: 80 }),
      (int, uint, long, big, blob) => {
        const writer = new ByteWriter(0)
        writer.varint(int)
        writer.unsignedVarint(uint)
        writer.varlong(long)
        writer.int64AsNumber(long)
        writer.int64(big)
        writer.int32(int)
        writer.uint32(uint)
        writer.bytes(blob)
        const bytes = new ByteReader(writer.toBytes())
        expect(bytes.varint()).toBe(int)
        expect(bytes.unsignedVarint()).toBe(uint)
        expect(bytes.varlong()).toBe(long)
        expect(bytes.int64AsNumber()).toBe(long)
        expect(bytes.int64()).toBe(big)
        expect(bytes.int32()).toBe(int)
        expect(bytes.uint32()).toBe(uint)
        expect(toHex(bytes.bytes(blob.length))).toBe(toHex(blob))
        expect(bytes.remaining).toBe(0)
      },
    )
    fc.assert(property, SEEDED)
  })
})
