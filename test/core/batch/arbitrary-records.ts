/** Generates records for property tests: with nulls, headers, and timestamps before the first record's. */
import fc from 'fast-check'
import type { NewRecord } from '../../../src/core/batch/record.ts'

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 60 }), { nil: null })

const headers = fc.array(
  fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 12 }), value: bytesOrNull }),
  { maxLength: 4 },
)

const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000 - 5_000, max: 1_700_000_000_000 + 5_000 }),
  fc.integer({ min: -1, max: 2 ** 52 }),
)

export const arbitraryRecord: fc.Arbitrary<NewRecord> = fc.record({
  timestamp,
  key: bytesOrNull,
  value: bytesOrNull,
  headers,
})

export const arbitraryRecords = fc.array(arbitraryRecord, { minLength: 1, maxLength: 60 })
