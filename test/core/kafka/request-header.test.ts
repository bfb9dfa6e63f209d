import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import {
  API_VERSIONS_KEY,
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
} from '../../../src/core/kafka/request-header.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { fromHex, toHex } from './hex.ts'

const API = { key: 36, flexibleSince: 2 }

describe('the header of a request', () => {
  test('is v1 in a version that is not flexible', () => {
    const reader = new ByteReader(fromHex('0024 0001 00000007 0002 6162 ff'))
    expect(readRequestHeader(reader, () => API)).toEqual({
      apiKey: 36,
      apiVersion: 1,
      correlationId: 7,
      clientId: 'ab',
    })
    expect(reader.remaining).toBe(1)
  })

  test('is v2 in a flexible version, with its tagged fields skipped', () => {
    const reader = new ByteReader(fromHex('0024 0002 00000007 ffff 01 05 02 abcd ff'))
    expect(readRequestHeader(reader, () => API)).toMatchObject({ clientId: null })
    expect(reader.remaining).toBe(1)
  })

  test('is read without tagged fields if the API is unknown', () => {
    const reader = new ByteReader(fromHex('03e7 0002 00000007 ffff 00'))
    expect(readRequestHeader(reader, () => undefined)).toMatchObject({ apiKey: 999 })
    expect(reader.remaining).toBe(1)
  })

  test('is read with the form of the API that it names', () => {
    const asked: number[] = []
    const apiOf = (key: number) => {
      asked.push(key)
      return API
    }
    readRequestHeader(new ByteReader(fromHex('0024 0001 00000007 ffff')), apiOf)
    expect(asked).toEqual([36])
  })

  test('is read back as it was written', () => {
    const headers = fc.record({
      apiVersion: fc.nat({ max: 4 }),
      correlationId: fc.integer(),
      clientId: fc.option(fc.string({ unit: 'binary', maxLength: 40 })),
    })
    fc.assert(
      fc.property(headers, (header) => {
        const writer = new ByteWriter()
        writeRequestHeader(writer, API, header)
        const reader = new ByteReader(writer.toBytes())
        expect(readRequestHeader(reader, () => API)).toEqual({ apiKey: 36, ...header })
        expect(reader.remaining).toBe(0)
      }),
      SEEDED,
    )
  })

  test('is read or refused, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
        try {
          readRequestHeader(new ByteReader(noise), () => ({ flexibleSince: 0 }))
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { ...SEEDED, numRuns: runs(2_000) },
    )
  })
})

describe('the header of a response', () => {
  test.each([
    ['v0', API, 1, '00000007'],
    ['v1 of a flexible version', API, 2, '0000000700'],
    ['v0 of ApiVersions always', { key: API_VERSIONS_KEY, flexibleSince: 3 }, 4, '00000007'],
  ])('is %s', (_, api, version, hex) => {
    const writer = new ByteWriter()
    writeResponseHeader(writer, api, version, 7)
    expect(toHex(writer.toBytes())).toBe(hex)
    const reader = new ByteReader(fromHex(`${hex}ff`))
    expect(readResponseHeader(reader, api, version)).toBe(7)
    expect(reader.remaining).toBe(1)
  })
})
