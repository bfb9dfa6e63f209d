/** Runs the examples of docs/SQL.md against a server of its own, in their order. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { AGGREGATE_FUNCTIONS } from '../../src/core/sql/aggregates/aggregates.ts'
import { ServerProcess } from '../server/server-process.ts'
import { DocumentSession, statementsOf } from './sql-document.ts'

const STATEMENTS = statementsOf(readFileSync('docs/SQL.md', 'utf8'))
const HEADINGS = [...new Set(STATEMENTS.map(({ heading }) => heading))]

let server: ServerProcess
let log: Client
let session: DocumentSession

beforeAll(async () => {
  server = await ServerProcess.start()
  log = connect({ url: server.url })
  session = new DocumentSession(log)
})
afterAll(async () => {
  await log?.close()
  await server?.stop()
})

describe('docs/SQL.md', () => {
  test.each(HEADINGS)('prints what stands behind the statements of %s', async (heading) => {
    for (const { text, printed } of STATEMENTS.filter((one) => one.heading === heading)) {
      const signal = AbortSignal.timeout(120_000)
      const run = async () => withoutTimes(await session.run(text, signal))
      if (printed === '') await run()
      // A query that writes follows its sources a moment later.
      else if (/^SELECT/.test(text))
        await expect.poll(run, { message: text }).toBe(withoutTimes(printed))
      else expect(await run(), text).toBe(withoutTimes(printed))
    }
  })

  test.each(FORMS())('has an example of %s', (form) => {
    const pattern = new RegExp(form.replaceAll(' ', '\\s+').replaceAll('...', '[\\s\\S]*'))
    expect(STATEMENTS.some(({ text }) => pattern.test(text))).toBe(true)
  })

  test('has an example of each aggregate function', () => {
    const text = STATEMENTS.map((one) => one.text).join('\n')
    const missing = [...AGGREGATE_FUNCTIONS.keys()].filter((name) => !text.includes(`${name}(`))
    expect(missing).toEqual([])
  })
})

/** Replaces the times of records, which are now, by zeros. */
function withoutTimes(text: string): string {
  return text.replaceAll(/\b1[789]\d{11}\b/g, '0'.repeat(13))
}

/** The forms of statements and clauses. */
function FORMS(): string[] {
  return [
    ...['CREATE STREAM', 'CREATE TABLE', 'CREATE SOURCE STREAM', 'CREATE OR REPLACE STREAM'],
    ...['CREATE STREAM IF NOT EXISTS', 'CREATE STREAM ... AS SELECT', 'CREATE TABLE ... AS SELECT'],
    ...['CREATE TYPE', 'INSERT INTO ... VALUES', 'INSERT INTO ... SELECT', 'ALTER STREAM'],
    ...['DROP STREAM ... DELETE TOPIC', 'DROP TABLE IF EXISTS', 'DROP TYPE'],
    ...['SELECT ... EMIT CHANGES', 'EMIT FINAL', 'LIMIT', 'WHERE', 'GROUP BY', 'HAVING'],
    ...['PARTITION BY', 'EXPLODE', 'LEFT JOIN', 'INNER JOIN', 'FULL OUTER JOIN'],
    ...['WITHIN 1 HOUR GRACE PERIOD', 'WINDOW TUMBLING', 'WINDOW HOPPING', 'WINDOW SESSION'],
    ...['SHOW STREAMS', 'SHOW TABLES', 'SHOW TOPICS', 'SHOW TYPES', 'SHOW PROPERTIES'],
    ...['SHOW QUERIES', 'SHOW FUNCTIONS', 'SHOW VARIABLES', 'LIST STREAMS', 'DESCRIBE STREAMS'],
    ...['DESCRIBE visits', 'EXTENDED', 'DESCRIBE FUNCTION', 'EXPLAIN', 'PRINT'],
    ...['TERMINATE', 'PAUSE', 'RESUME', '^SET', 'UNSET', '^DEFINE', 'UNDEFINE'],
    ...['ASSERT TOPIC', 'ASSERT NOT EXISTS TOPIC', 'RIGHT JOIN', 'HEADERS'],
    ...['CASE WHEN', 'CAST', 'BETWEEN', 'LIKE', ' IN ', 'IS NULL', 'IS DISTINCT FROM', '=>'],
  ]
}
