/**
 * Tests which records are refused, and with which error. The expected results of mixed batches are those of a Kafka
 * 4.3 broker for the same records.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkOfRecords } from '../../../src/core/batch/batch-check.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { RECORD_ERRORS_MAX } from '../../../src/core/limits.ts'
import {
  nameRejectedRecords,
  type RecordRules,
  recordErrorsOf,
  recordRules,
  refuseBatch,
  refusedBatchOf,
} from '../../../src/core/log/record-errors.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { config, NOW_MS } from './log-batches.ts'

const KEY = new Uint8Array(1)
const EARLY = NOW_MS - 101
const LATE = NOW_MS + 101
const RULES: RecordRules = {
  needsKey: true,
  timestamps: { earliest: NOW_MS - 100, latest: NOW_MS + 100 },
}

function record(key: Uint8Array | null, timestamp = NOW_MS): NewRecord {
  return { key, timestamp, value: null, headers: [] }
}

function refusalOf(records: readonly NewRecord[], rules = RULES): string | undefined {
  return refuseBatch(checkOfRecords(records), rules, 0)?.code
}

function name(records: readonly NewRecord[], indexOf = (position: number) => position) {
  return nameRejectedRecords(records, RULES, indexOf)
}

describe('recordRules()', () => {
  test('follows the config of the topic', () => {
    const bounds = {
      'message.timestamp.before.max.ms': '1000',
      'message.timestamp.after.max.ms': '500',
    }
    const timestamps = { earliest: NOW_MS - 1_000, latest: NOW_MS + 500 }
    expect(recordRules(config(bounds), NOW_MS)).toEqual({ needsKey: false, timestamps })
    const compacted = config({ ...bounds, 'cleanup.policy': 'compact,delete' })
    expect(recordRules(compacted, NOW_MS)).toEqual({ needsKey: true, timestamps })
    const stamped = config({ ...bounds, 'message.timestamp.type': 'LogAppendTime' })
    expect(recordRules(stamped, NOW_MS)).toEqual({ needsKey: false, timestamps: null })
  })
})

describe('refuseBatch()', () => {
  test('sends the rules and the index of the batch to the edge', () => {
    const error = refuseBatch(checkOfRecords([record(null)]), RULES, 3)
    const carried = EdgelogError.fromBody(structuredClone((error as EdgelogError).toBody()))
    expect(refusedBatchOf(carried)).toEqual({ batchIndex: 3, recordRules: RULES })
  })

  test('returns undefined for other errors', () => {
    const details = { nextOffset: 1 }
    for (const error of [
      new Error('lost'),
      new EdgelogError('invalid_record', 'a control batch'),
      new EdgelogError('expected_offset_mismatch', 'another offset', { details }),
    ]) {
      expect(refusedBatchOf(error)).toBeUndefined()
    }
  })

  test('accepts timestamps at the limits, records without a timestamp, and any timestamp if none is checked', () => {
    const accepted = [record(KEY, NOW_MS - 100), record(KEY, NOW_MS + 100), record(KEY, -1)]
    expect(refusalOf(accepted)).toBeUndefined()
    expect(refusalOf([record(KEY, EARLY)], { ...RULES, timestamps: null })).toBeUndefined()
    expect(refusalOf([record(null)], { ...RULES, needsKey: false })).toBeUndefined()
  })
})

describe('nameRefusedRecords()', () => {
  test('names each refused record by its index', () => {
    const error = name([record(KEY), record(null), record(KEY), record(null)])
    expect(error).toMatchObject({
      code: 'invalid_record',
      message: 'records[1].key: cleanup.policy=compact needs a key, got null; 1 more refused',
    })
    expect(recordErrorsOf(error)).toEqual([
      { index: 1, message: 'key: cleanup.policy=compact needs a key, got null' },
      { index: 3, message: 'key: cleanup.policy=compact needs a key, got null' },
    ])
  })

  test('returns invalid_timestamp if any timestamp is out of bounds', () => {
    const error = name([record(KEY), record(null), record(KEY, EARLY), record(KEY, LATE)])
    const bounds =
      `${NOW_MS - 100} to ${NOW_MS + 100} ` +
      '(message.timestamp.before.max.ms, message.timestamp.after.max.ms)'
    expect(error).toMatchObject({
      code: 'invalid_timestamp',
      message: `records[2].timestamp: ${EARLY} is not within ${bounds}; 2 more refused`,
    })
    expect(recordErrorsOf(error)).toMatchObject([
      { index: 1, message: 'key: cleanup.policy=compact needs a key, got null' },
      { index: 2, message: `timestamp: ${EARLY} is not within ${bounds}` },
      { index: 3, message: `timestamp: ${LATE} is not within ${bounds}` },
    ])
  })

  test('gives a record with a missing key and a wrong timestamp one error, for the key', () => {
    const error = name([record(KEY), record(null, EARLY)])
    expect(error).toMatchObject({ code: 'invalid_record' })
    expect(error.message).not.toContain('more refused')
    expect(recordErrorsOf(error)).toMatchObject([{ index: 1 }])
  })

  test('names RECORD_ERRORS_MAX records and counts all', () => {
    const records = Array.from({ length: RECORD_ERRORS_MAX + 2 }, () => record(null))
    const error = name([...records, record(KEY, LATE)], (position) => position * 2)
    expect(error.code).toBe('invalid_timestamp')
    expect(error.message).toContain(`records[${2 * RECORD_ERRORS_MAX + 4}].timestamp: ${LATE}`)
    expect(recordErrorsOf(error).length).toBe(RECORD_ERRORS_MAX)
    expect(recordErrorsOf(error).at(-1)?.index).toBe(2 * RECORD_ERRORS_MAX - 2)
    expect(error.details).toMatchObject({ recordErrorsCount: RECORD_ERRORS_MAX + 3 })
  })
})

/*
 * Question: do the partition, which has a summary of the records, and the edge, which has the records,
 *   refuse the same batches?
 * Contract: a batch is refused if and only if one of its records breaks a rule, and those records are named.
 * Model: a second implementation of the rules. Generated: up to 8 records with and without keys, with
 *   timestamps on both sides of both limits or none; rules with and without keys and limits.
 */
const arbitraryRecord = fc
  .tuple(
    fc.constantFrom(KEY, null),
    fc.constantFrom(-1, -2, 5, EARLY, NOW_MS - 100, NOW_MS, NOW_MS + 100, LATE),
  )
  .map(([key, timestamp]) => record(key, timestamp))

test('refuseBatch() and nameRefusedRecords() refuse the same records', () => {
  const property = fc.property(
    fc.array(arbitraryRecord, { minLength: 1, maxLength: 8 }),
    fc.boolean(),
    fc.constantFrom(RULES.timestamps, null),
    (records, needsKey, timestamps) => {
      const rules = { needsKey, timestamps }
      const refused = records.flatMap(({ key, timestamp }, index) => {
        const isOutside = timestamp < NOW_MS - 100 || timestamp > NOW_MS + 100
        const isWrong = timestamps !== null && timestamp !== -1 && isOutside
        return (needsKey && key === null) || isWrong ? [index] : []
      })
      expect(refusalOf(records, rules) !== undefined).toBe(refused.length > 0)
      if (refused.length === 0) return
      const error = nameRejectedRecords(records, rules, (position) => position)
      expect(recordErrorsOf(error).map(({ index }) => index)).toEqual(refused)
    },
  )
  fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
})
