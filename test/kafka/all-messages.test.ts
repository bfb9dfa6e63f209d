/** Properties of every message of every API in every served version. */
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
import { runs, SEEDED } from '../support/seed.ts'
import { ALL_MESSAGES, ALL_VERSIONS } from './all-messages.ts'
import { mutations } from './mutations.ts'

const DIRECTIONS = [
  { direction: 'request', read: readRequest, write: writeRequest },
  { direction: 'response', read: readResponse, write: writeResponse },
] as const

const CASES = ALL_VERSIONS.flatMap(({ title, messages, version }) =>
  DIRECTIONS.map(({ direction, read, write }) => ({
    title: `${direction} of ${title}`,
    direction,
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

test('lists each API once', () => {
  const keys = ALL_MESSAGES.map(({ key }) => key)
  expect(keys).toEqual([...new Set(keys)])
  expect(keys.length).toBeGreaterThanOrEqual(32)
})

describe('a written message', () => {
  test.each(CASES)('$title', ({ fields, version, read, write }) => {
    fc.assert(
      fc.property(writtenStructs(fields, version), (value) => {
        expect(read(write(value))).toEqual(asRead(fields, value))
      }),
      { ...SEEDED, numRuns: runs(30) },
    )
  })
})

describe('a broken message', () => {
  test.each(CASES)('$title', ({ fields, version, read, write }) => {
    fc.assert(
      fc.property(writtenStructs(fields, version), mutations, (value, mutate) => {
        const result = outcomeOf(() => read(mutate(write(value))))
        if (result !== 'refused') expect(typeof result).toBe('object')
      }),
      { ...SEEDED, numRuns: runs(60) },
    )
  })

  test.each(CASES)('$title, cut short', ({ fields, version, read, write }) => {
    const [value] = fc.sample(writtenStructs(fields, version), { ...SEEDED, numRuns: 1 })
    const bytes = write(value as Record<string, unknown>)
    for (let length = 0; length < bytes.length; length++) {
      expect(outcomeOf(() => read(bytes.subarray(0, length)))).toBe('refused')
    }
  })

  test.each(CASES)('$title, with a byte too many', (one) => {
    const { direction, fields, version, read, write } = one
    const [value] = fc.sample(writtenStructs(fields, version), { ...SEEDED, numRuns: 1 })
    const bytes = write(value as Record<string, unknown>)
    const readLonger = () => read(Uint8Array.of(...bytes, 0))
    if (direction === 'request') expect(readLonger()).toEqual(read(bytes))
    else expect(readLonger).toThrow(DecodeError)
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
