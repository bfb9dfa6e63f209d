/** Compares the table of errors with the one in docs/PROTOCOL.md. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { ERRORS } from '../../src/core/errors.ts'

test('lists every error in PROTOCOL.md with its status, number and effect', async () => {
  const text = await readFile('docs/PROTOCOL.md', 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (-?\d+) \| (yes|no) \| (yes|no) \|/gm)]
  const documented = rows.map(([, code, http, kafka, retryable, isUnchanged]) => [
    code,
    {
      http: Number(http),
      kafka: Number(kafka),
      retryable: retryable === 'yes',
      mayHaveTakenEffect: isUnchanged === 'no',
    },
  ])
  // Errors of a page's storage are never sent.
  const onTheWire = Object.entries(ERRORS).filter(([code]) => !code.startsWith('storage_'))
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(onTheWire))
})
