import { expect, test } from 'vitest'
import {
  REWRITE_AFTER_BYTES,
  REWRITE_AFTER_RECORDS,
} from '../../../../src/core/log/compaction/limits.ts'
import { givesWay } from '../../../../src/core/log/compaction/pace.ts'

const SINCE = { endOffset: 1_000, sizeBytes: 5_000_000 }

test.each([
  ['nothing was appended', 0, 0, false],
  ['a record was appended', 1, 100, true],
  ['nearly enough records were', REWRITE_AFTER_RECORDS - 1, 10_000, true],
  ['enough records were', REWRITE_AFTER_RECORDS, 10_000, false],
  ['enough bytes were', 1, REWRITE_AFTER_BYTES, false],
  ['a record was appended, and others were deleted', 1, -1_000_000, true],
])('a pass gives way to appends: %s', (_, records, bytes, expected) => {
  const now = { endOffset: SINCE.endOffset + records, sizeBytes: SINCE.sizeBytes + bytes }
  expect(givesWay(SINCE, now)).toBe(expected)
})
