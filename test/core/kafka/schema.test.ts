import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { type AnyField, versionsOf } from '../../../src/core/kafka/field.ts'
import {
  array,
  bool,
  bytes,
  int8,
  int16,
  int32,
  int64,
  isFlexible,
  isServed,
  long,
  type Messages,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  nullableStruct,
  type RequestOf,
  type ResponseOf,
  readRequest,
  readResponse,
  string,
  struct,
  uuid,
  type WrittenRequestOf,
  writeRequest,
  writeResponse,
} from '../../../src/core/kafka/schema.ts'
import { KAFKA_ARRAY_ELEMENTS_MAX } from '../../../src/core/limits.ts'
import { SEEDED } from '../../support/seed.ts'
import { fromHex, toHex } from './hex.ts'

const UUID = '00112233-4455-6677-8899-aabbccddeeff'

const WAVE = messages({
  key: 99,
  name: 'Wave',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    name: string.nullableIn('2+'),
    height: int16.in('3+').or(-1),
    crests: array({ at: int32 }),
    origin: nullableStruct({ x: int8 }).in('2+').or(null),
    tides: array(int8).tag(1, '2+'),
    leader: struct({ id: int32.or(-1) }).tag(0, '2+'),
    epoch: long.or(-1).tag(5, '3+'),
  },
  response: {
    errorCode: int16,
    message: nullableString.in('2+').or(null),
  },
})

function written(version: number, value: WrittenRequestOf<typeof WAVE>): string {
  const writer = new ByteWriter()
  writeRequest(WAVE, version, value, writer)
  return toHex(writer.toBytes())
}

function read(version: number, hex: string): RequestOf<typeof WAVE> {
  return readRequest(WAVE, version, new ByteReader(fromHex(hex)))
}

/** Returns an API of one version, with one request field. */
function only(value: AnyField, flexibleSince: number | null = 0): Messages {
  return messages({
    key: 98,
    name: 'Only',
    versions: [0, 0],
    flexibleSince,
    request: { value },
    response: {},
  })
}

function roundTrip(api: Messages, value: unknown): unknown {
  const writer = new ByteWriter()
  writeRequest(api, 0, { value }, writer)
  return readRequest(api, 0, new ByteReader(writer.toBytes())).value
}

describe('the types of messages', () => {
  test('have every field when read', () => {
    type Request = RequestOf<typeof WAVE>
    expectTypeOf<Request>().toEqualTypeOf<{
      readonly name: string | null
      readonly height: number
      readonly crests: readonly { readonly at: number }[]
      readonly origin: { readonly x: number } | null
      readonly tides: readonly number[]
      readonly leader: { readonly id: number }
      readonly epoch: number
    }>()
  })

  test('allow omitted fields with a default when written', () => {
    type Response = ResponseOf<typeof WAVE>
    expectTypeOf<{ errorCode: number }>().toExtend<Response>()
    expectTypeOf<{ message: string }>().not.toExtend<Response>()
    expectTypeOf<{ errorCode: string }>().not.toExtend<Response>()
    expectTypeOf<{ errorCode: number; message: undefined }>().toExtend<Response>()
  })
})

describe('versions', () => {
  test.each([
    ['3-12', 3, 12],
    ['13+', 13, Number.POSITIVE_INFINITY],
    ['7', 7, 7],
  ] as const)('are parsed from %s', (range, from, to) => {
    expect(versionsOf(range)).toEqual({ from, to })
  })

  test('have no codec if they are unsupported', () => {
    expect(() => read(4, '')).toThrow('Wave has no version 4')
    expect([0, 1, 3, 4].map((version) => isServed(WAVE, version))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('are flexible from one version on, also beyond the last supported one', () => {
    expect([1, 2, 4].map((version) => isFlexible(WAVE, version))).toEqual([false, true, true])
    expect(isFlexible({ flexibleSince: null }, 4)).toBe(false)
  })
})

describe('a struct', () => {
  const value = { name: 'ab', height: 7, crests: [{ at: 1 }], origin: { x: -1 } }

  test('is encoded in fixed form', () => {
    const hex = '0002 6162 00000001 00000001'
    expect(written(1, value)).toBe(toHex(fromHex(hex)))
    expect(read(1, hex)).toEqual({
      name: 'ab',
      height: -1,
      crests: [{ at: 1 }],
      origin: null,
      tides: [],
      leader: { id: -1 },
      epoch: -1,
    })
  })

  test('is encoded in flexible form', () => {
    const hex = '03 6162 0007 02 00000001 00 01 ff 00 00'
    expect(written(3, value)).toBe(toHex(fromHex(hex)))
    expect(read(3, hex)).toMatchObject(value)
  })

  test('is null only in versions that allow it', () => {
    expect(read(2, '00 01 ff 00')).toMatchObject({ name: null, crests: [], origin: null })
    expect(written(2, { name: null, crests: [] })).toBe('0001ff00')
    expect(() => read(1, 'ffff 00000000')).toThrow(DecodeError)
    expect(() => written(1, { name: null, crests: [] })).toThrow('null where')
    expect(() => read(2, '01 00 ff 00')).toThrow(DecodeError)
  })

  test('is not written without a required field', () => {
    const missing = { crests: [] } as unknown as WrittenRequestOf<typeof WAVE>
    expect(() => written(1, missing)).toThrow('no value for the field name')
  })

  test('is read to its end: trailing bytes are ignored in a request, and refused in a response', () => {
    expect(read(2, '01 01 ff 00 00')).toEqual(read(2, '01 01 ff 00'))
    const response = () => readResponse(WAVE, 2, new ByteReader(fromHex('0000 00 00 00')))
    expect(response).toThrow('at byte 4: 1 bytes after the message')
  })
})

describe('tagged fields', () => {
  const value = { name: '', crests: [] }
  const body = '01 01 ff'

  test('are written in the order of their tags', () => {
    expect(written(3, { ...value, height: 0, epoch: 4, tides: [9], leader: { id: 3 } })).toBe(
      '010000 01 ff 03 0005 00000003 00 01 02 02 09 05 08 0000000000000004'.replaceAll(' ', ''),
    )
  })

  test('are omitted if they equal their default', () => {
    const bare = `${body}00`.replaceAll(' ', '')
    expect(written(2, { ...value, tides: [], leader: { id: -1 }, epoch: -1 })).toBe(bare)
    expect(written(2, { ...value, leader: {} })).toBe(bare)
    expect(written(2, { ...value, leader: { id: 0 } })).not.toBe(bare)
  })

  test('are skipped in a version that does not have them', () => {
    expect(read(2, `${body} 01 05 08 0000000000000004`)).toMatchObject({ epoch: -1 })
  })

  test('are skipped if their tag is unknown', () => {
    const request = read(2, `${body} 03 00 05 00000003 00 07 02 abcd ff7f 00`)
    expect(request).toMatchObject({ leader: { id: 3 }, tides: [] })
  })

  test.each([
    ['twice', '02 00 05 00000003 00 00 05 00000003 00'],
    ['in a wrong order', '02 07 00 00 05 00000003 00'],
    ['longer than their size', '01 00 04 00000003 00'],
    ['shorter than their size', '01 00 06 00000003 00 00'],
    ['beyond the end', '01 07 05 00'],
    ['without end', 'ffffffff0f'],
  ])('are refused %s', (_, tagged) => {
    expect(() => read(2, `${body} ${tagged}`)).toThrow(DecodeError)
  })
})

describe('an array count', () => {
  test.each([
    ['fixed', null, '7fffffff 00000000'],
    ['compact', 0, 'ffffffff0f 00000000'],
    ['of one more than there is room for', null, '00000003 00000000 00000000 000000'],
  ])('is refused before elements are read if it is impossible: %s', (_, flexibleSince, hex) => {
    const reader = new ByteReader(fromHex(hex))
    expect(() => readRequest(only(array(int32), flexibleSince), 0, reader)).toThrow(
      /^at byte 0: \d+ elements do not fit/,
    )
    expect(reader.position).toBeLessThanOrEqual(5)
  })

  test('means null if it is negative, as in Kafka', () => {
    const api = only(nullableArray(int32), null)
    expect(readRequest(api, 0, new ByteReader(fromHex('fffffff0')))).toEqual({ value: null })
    expect(() =>
      readRequest(only(array(int32), null), 0, new ByteReader(fromHex('ffffffff'))),
    ).toThrow('null where it is not allowed')
  })

  test('is limited for all arrays of a message together', () => {
    const api = only(array(array(int8)), null)
    const arrays = (...lengths: number[]) => {
      const writer = new ByteWriter()
      writeRequest(api, 0, { value: lengths.map((length) => Array(length).fill(0)) }, writer)
      return () => readRequest(api, 0, new ByteReader(writer.toBytes()))
    }
    const half = KAFKA_ARRAY_ELEMENTS_MAX / 2
    expect(arrays(half - 2, half)().value).toHaveLength(2)
    expect(arrays(half - 1, half)).toThrow(`more than ${KAFKA_ARRAY_ELEMENTS_MAX} elements`)
  })
})

describe('a value', () => {
  test('is a view if it is bytes', () => {
    const frame = fromHex('03 abcd 00')
    const { value } = readRequest(only(bytes), 0, new ByteReader(frame))
    expect(value).toEqual(fromHex('abcd'))
    expect((value as Uint8Array).buffer).toBe(frame.buffer)
  })

  test.each([
    ['7fffffffffffffff', Number.MAX_SAFE_INTEGER],
    ['0020000000000000', Number.MAX_SAFE_INTEGER],
    ['001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['8000000000000000', Number.MIN_SAFE_INTEGER],
    ['ffe0000000000001', Number.MIN_SAFE_INTEGER],
    ['ffffffffffffffff', -1],
  ])('is, for long %s, %d', (hex, expected) => {
    const api = only(long, null)
    expect(readRequest(api, 0, new ByteReader(fromHex(hex)))).toEqual({ value: expected })
  })

  test('is text in lower case if it is a uuid', () => {
    const api = only(uuid, null)
    const hex = '00112233445566778899aabbccddeeff'
    expect(readRequest(api, 0, new ByteReader(fromHex(hex)))).toEqual({ value: UUID })
    fc.assert(
      fc.property(fc.uuid(), (id) => roundTrip(api, id) === id),
      SEEDED,
    )
    expect(roundTrip(api, NO_UUID)).toBe(NO_UUID)
  })

  test('has U+FFFD for invalid UTF-8, and keeps a byte order mark', () => {
    const api = only(string)
    expect(readRequest(api, 0, new ByteReader(fromHex('03 61ff 00'))).value).toBe('a\ufffd')
    expect(roundTrip(api, '\ufeffa')).toBe('\ufeffa')
  })

  test('has at most 32,767 bytes if it is text', () => {
    for (const api of [only(string), only(string, null)]) {
      expect(roundTrip(api, 'x'.repeat(32_767))).toHaveLength(32_767)
      expect(() => roundTrip(api, 'x'.repeat(32_768))).toThrow('a text of 32768 bytes')
    }
    const writer = new ByteWriter()
    writer.unsignedVarint(32_769)
    writer.bytes(new Uint8Array(32_769))
    const reader = new ByteReader(writer.toBytes())
    expect(() => readRequest(only(string), 0, reader)).toThrow(DecodeError)
  })

  test.each([
    ['int8', int8, 128],
    ['int8', int8, -129],
    ['int16', int16, 32_768],
    ['int32', int32, 2 ** 31],
    ['int32', int32, 1.5],
    ['int32', int32, '1'],
    ['int64', int64, 2n ** 63n],
    ['int64', int64, 1],
    ['long', long, 2 ** 53],
    ['long', long, 1n],
    ['bool', bool, 1],
    ['uuid', uuid, UUID.toUpperCase()],
    ['uuid', uuid, ''],
    ['text', string, 7],
    ['bytes', bytes, 'ab'],
    ['bytes', bytes, null],
  ])('is not written if it does not fit %s', (_, field, value) => {
    expect(() => roundTrip(only(field), value)).toThrow(/^(not a value of type|null where)/)
  })
})

test('writeResponse() and readResponse() agree', () => {
  const writer = new ByteWriter()
  writeResponse(WAVE, 2, { errorCode: 3 }, writer)
  expect(toHex(writer.toBytes())).toBe('00030000')
  expect(readResponse(WAVE, 2, new ByteReader(writer.toBytes()))).toEqual({
    errorCode: 3,
    message: null,
  })
})
