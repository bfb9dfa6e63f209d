import { describe, expect, test } from 'vitest'
import { checkTable, type KeyedRecord, type StoredTable } from './kills/check-table.ts'

const HISTORY: KeyedRecord[] = [
  { offset: 0, key: 'a', value: 'a0' },
  { offset: 1, key: 'b', value: 'b1' },
  { offset: 2, key: 'a', value: 'a2' },
  { offset: 3, key: 'b', value: null },
  { offset: 4, key: 'c', value: 'c4' },
]

function tableOf(position: number, ...offsets: number[]): StoredTable {
  const rows = offsets.map((offset) => HISTORY[offset] as KeyedRecord)
  return { shown: { generation: 2, position, rows }, build: null, generations: [2] }
}

describe('the checker of tables', () => {
  test('accepts the fold of the log below any position', () => {
    const tables = [tableOf(0), tableOf(1, 0), tableOf(2, 0, 1), tableOf(3, 1, 2), tableOf(4, 2)]
    for (const table of tables) expect(checkTable(table, HISTORY, true)).toEqual([])
  })

  test('detects a missing row, a former value and a deleted key', () => {
    expect(checkTable(tableOf(5, 2), HISTORY, true)).toEqual([
      'c has offset undefined, and the log below 5 has 4',
    ])
    expect(checkTable(tableOf(5, 0, 1, 4), HISTORY, true)).toEqual([
      'a has offset 0, and the log below 5 has 2',
      'b has offset 1, and the log below 5 has undefined',
    ])
  })

  test('accepts them if the log was compacted, but no row of another record or above the position', () => {
    expect(checkTable(tableOf(5, 0, 1), HISTORY, false)).toEqual([])
    expect(checkTable(tableOf(4, 2, 4), HISTORY, false)).toEqual([
      'c has offset 4, below 4, of another record',
    ])
    const [row] = HISTORY.map((record) => ({ ...record, value: 'other' }))
    const copy = { generation: 2, position: 5, rows: [row as KeyedRecord] }
    expect(checkTable({ ...tableOf(5), build: copy }, HISTORY, false)).toEqual([
      'a has offset 0, below 5, of another record',
    ])
  })

  test('detects a copy that is left behind', () => {
    const table = { ...tableOf(5, 2, 4), generations: [1, 2] }
    expect(checkTable(table, HISTORY, true)).toEqual(['copy 1 is left behind'])
  })
})
