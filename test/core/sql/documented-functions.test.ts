/** The list of functions in docs/SQL.md is what the functions and their examples say. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DOCUMENT, withFunctions } from '../../../scripts/sql-functions.ts'

test('docs/SQL.md lists all functions: node scripts/sql-functions.ts writes them', () => {
  const document = readFileSync(DOCUMENT, 'utf8')
  expect(withFunctions(document)).toBe(document)
})
