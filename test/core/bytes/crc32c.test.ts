import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../src/core/bytes/crc32c.ts'
import { SEEDED } from '../../support/seed.ts'
import { utf8 } from './hex.ts'

/** Computes the CRC from its definition, bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}

describe('crc32c()', () => {
  it('returns the check value of the standard', () => {
    expect(crc32c(utf8('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array())).toBe(0)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  })

  it('agrees with the definition at every length and alignment', () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(19),
      (bytes, misalignment) => {
        const view = bytes.subarray(Math.min(misalignment, bytes.length))
        expect(crc32c(view)).toBe(slowCrc32c(view))
      },
    )
    fc.assert(property, SEEDED)
  })
})
