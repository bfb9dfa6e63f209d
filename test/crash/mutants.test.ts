/** The broken variants of the slow tests are edits of the code; this finds at once an edit whose code has changed. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { COMPACTION_MUTANTS } from './compaction/compaction-mutants.ts'
import { GROUP_MUTANTS, MUTANTS } from './mutants.ts'
import { TRANSACTION_MUTANTS } from './transactions/transaction-mutants.ts'

const EDITS = [...MUTANTS, ...GROUP_MUTANTS, ...TRANSACTION_MUTANTS, ...COMPACTION_MUTANTS].flatMap(
  ({ name, file, edits }) => edits.map((edit) => ({ name, file, ...edit })),
)

test.each(EDITS)('the code has what the variant that $name changes: $find', async (edit) => {
  expect(await readFile(edit.file, 'utf8')).toContain(edit.find)
})
