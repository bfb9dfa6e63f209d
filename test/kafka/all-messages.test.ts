/** What holds of every message of every API in every version that is served. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import type { Fields } from '../../src/core/kafka/field.ts'
import {
  type Messages,
  readRequest,
  readResponse,
  writeRequest,
  writeResponse,
} from '../../src/core/kafka/schema.ts'
import { asRead, writtenStructs } from '../core/kafka/message-arbitraries.ts'
import { SEEDED } from '../core/seed.ts'
import { ALL_MESSAGES, ALL_VERSIONS } from './all-messages.ts'

const DIRECTIONS = [
  { direction: 'request', read: readRequest, write: writeRequest },
  { direction: 'response', read: readResponse, write: writeResponse },
] as const

const CASES = ALL_VERSIONS.flatMap(({ title, messages, version }) =>
  DIRECTIONS.map(({ direction, read, write }) => ({
    title: `${direction} of ${title}`,
    fields: messages[direction] as Fields,
    read: (bytes: Uint8Array) => read(messages as Messages, version, new ByteReader(bytes)),
    write(value: Record<string, unknown>) {
      const writer = new ByteWriter()
      write(messages as Messages, version, value, writer)
      return writer.toBytes()
    },
    version,
  })),
)

test('each API is there once', () => {
  const keys = ALL_MESSAGES.map(({ key }) => key)
  expect(keys).toEqual([...new Set(keys)])
  expect(keys.length).toBeGreaterThanOrEqual(32)
})

describe('what is written is read', () => {
  test.each(CASES)('$title', ({ fields, version, read, write }) => {
    fc.assert(
      fc.property(writtenStructs(fields, version), (value) => {
        expect(read(write(value))).toEqual(asRead(fields, value))
      }),
      { ...SEEDED, numRuns: 30 },
    )
  })
})

describe('a broken message is read as something or refused', () => {
  test.each(CASES)('$title', ({ fields, version, read, write }) => {
    fc.assert(
      fc.property(writtenStructs(fields, version), mutations, (value, mutate) => {
        const outcome = outcomeOf(() => read(mutate(write(value))))
        if (outcome !== 'refused') expect(typeof outcome).toBe('object')
      }),
      { ...SEEDED, numRuns: 60 },
    )
  })

  test.each(CASES)('$title, cut short', ({ fields, version, read, write }) => {
    const [value] = fc.sample(writtenStructs(fields, version), { ...SEEDED, numRuns: 1 })
    const bytes = write(value as Record<string, unknown>)
    for (let length = 0; length < bytes.length; length++) {
      expect(outcomeOf(() => read(bytes.subarray(0, length)))).toBe('refused')
    }
  })

  test.each(CASES)('$title, with a byte too many', ({ fields, version, read, write }) => {
    const [value] = fc.sample(writtenStructs(fields, version), { ...SEEDED, numRuns: 1 })
    const bytes = write(value as Record<string, unknown>)
    expect(() => read(Uint8Array.of(...bytes, 0))).toThrow(DecodeError)
  })
})

/** Anything but a value or a DecodeError is thrown on. */
function outcomeOf(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    if (error instanceof DecodeError) return 'refused'
    throw error
  }
}

type Mutation = (bytes: Uint8Array) => Uint8Array

const flip = fc.tuple(fc.nat(), fc.nat({ max: 7 })).map(
  ([at, bit]): Mutation =>
    (bytes) =>
      changed(bytes, at, (byte) => [byte ^ (1 << bit)]),
)
/** Counts and lengths in both encodings, and with what is beyond them. */
const wildCounts = fc
  .tuple(
    fc.nat(),
    fc.constantFrom<number[]>(
      [0x7f, 0xff, 0xff, 0xff],
      [0xff, 0xff, 0xff, 0xff],
      [0x80, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [0, 0x10, 0, 0],
      [0x7f, 0xff],
    ),
  )
  .map(
    ([at, count]): Mutation =>
      (bytes) =>
        changed(bytes, at, () => count),
  )
const cut = fc.nat().map(
  (length): Mutation =>
    (bytes) =>
      bytes.subarray(0, length % (bytes.length + 1)),
)
const noise = fc.uint8Array({ maxLength: 300 }).map(
  (bytes): Mutation =>
    () =>
      bytes,
)
const mutations = fc
  .array(fc.oneof({ weight: 4, arbitrary: flip }, wildCounts, cut, noise), {
    minLength: 1,
    maxLength: 4,
  })
  .map(
    (each): Mutation =>
      (bytes) =>
        each.reduce((before, mutate) => mutate(before), bytes),
  )

/** `bytes` with other bytes instead of that at `at`, or in the place of what follows it as well. */
function changed(bytes: Uint8Array, at: number, to: (byte: number) => number[]): Uint8Array {
  if (bytes.length === 0) return bytes
  const index = at % bytes.length
  const instead = to(bytes[index] as number)
  return Uint8Array.of(
    ...bytes.subarray(0, index),
    ...instead,
    ...bytes.subarray(index + instead.length),
  )
}
