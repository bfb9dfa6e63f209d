import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, encodeBase64 } from '../../../src/core/bytes/base64.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { SEEDED } from '../../support/seed.ts'
import { toHex } from './hex.ts'

describe('base64', () => {
  it('encodes and decodes like Buffer', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = encodeBase64(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64'))
      expect(toHex(decodeBase64(text))).toBe(toHex(bytes))
    })
    fc.assert(property, SEEDED)
  })

  it('handles megabytes', () => {
    const bytes = new Uint8Array(2_000_000).fill(0xab)
    expect(toHex(decodeBase64(encodeBase64(bytes)).subarray(-2))).toBe('abab')
  })

  it.each([
    'a',
    'abc',
    'YQ',
    'YQ=',
    'YR==',
    'YWJ=',
    'YQ==YQ==',
    ' YQ==',
    'Y Q=',
    'Y\nQ=',
    'ab-_',
    '====',
  ])('refuses to decode %j', (text) => {
    expect(() => decodeBase64(text)).toThrow(DecodeError)
  })
})
