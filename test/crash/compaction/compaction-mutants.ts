import type { Mutant } from '../mutants.ts'

const FILTER = 'src/core/log/compaction/filter-chunk.ts'

/** Broken variants of compaction and tables. */
export const COMPACTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'keeps out the latest record of a key as well',
    file: FILTER,
    edits: [{ find: 'offset < keys.get(', replace: 'offset <= keys.get(' }],
    breaks: ['K1'],
  },
  {
    name: 'drops tombstones before their time is over',
    file: FILTER,
    edits: [
      {
        find: 'const isHorizonOver = hasDeleteHorizon && baseTimestamp <= nowMs',
        replace: 'const isHorizonOver = true || baseTimestamp <= nowMs',
      },
    ],
    breaks: ['K3'],
  },
  {
    name: 'does not note the tombstones that it drops',
    file: 'durable-objects/partition/compaction-rows.ts',
    edits: [
      {
        find: 'Math.max(state.tombstonesGoneBelow, tombstonesGoneBelow)',
        replace: 'state.tombstonesGoneBelow',
      },
    ],
    breaks: ['K3'],
  },
  {
    name: 'lets an aborted record supersede others of its key',
    file: 'src/core/log/compaction/scan-chunk.ts',
    edits: [{ find: ' && !aborted.has(header)', replace: '' }],
    breaks: ['K1'],
  },
  {
    name: 'keeps aborted records, and forgets that they are',
    file: FILTER,
    edits: [
      {
        find: 'header.recordsCount === 0 || aborted.has(header)',
        replace: 'header.recordsCount === 0',
      },
    ],
    breaks: ['T2'],
  },
  {
    name: 'has aborted records in the table',
    file: 'durable-objects/partition/table-index.ts',
    edits: [{ find: "isolation: 'committed'", replace: "isolation: 'uncommitted'" }],
    breaks: ['K6'],
  },
  {
    name: 'keeps deleted keys in the table',
    file: 'durable-objects/partition/table-index.ts',
    edits: [
      {
        find: 'if (entry === undefined) this.#rows.delete(key)',
        replace: 'if (entry === undefined) {}',
      },
    ],
    breaks: ['K6'],
  },
]
