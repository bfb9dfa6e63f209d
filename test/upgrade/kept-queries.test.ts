/** States with SQL that earlier releases wrote, opened by this one: `kept-queries.ts` writes a new one. */
import { describe, expect, test } from 'vitest'
import { WAIT } from '../support/until.ts'
import { keptStates, useKeptState } from './kept-state.ts'

describe.each(await keptStates('.kept-queries.json'))('the state %s', (state) => {
  const kept = useKeptState(state)

  async function rowsOf(query: AsyncIterable<Record<string, unknown>>): Promise<unknown[]> {
    const rows: unknown[] = []
    for await (const row of query) rows.push(row)
    return rows
  }

  test('has the rows of its tables, with and without windows', async () => {
    const totals = await rowsOf(kept.log.sql`SELECT customer, total, n FROM totals;`)
    expect(totals.toSorted(byText)).toEqual([
      { CUSTOMER: 'ann', TOTAL: 31.5, N: 2 },
      { CUSTOMER: 'bob', TOTAL: 20.5, N: 1 },
    ])
    const cities = await rowsOf(kept.log.sql`SELECT city, n FROM cities WHERE city = 'Oslo';`)
    expect(cities).toEqual([{ CITY: 'Oslo', N: 2 }])
  })

  test('goes on with its queries', async () => {
    await kept.log
      .sql`INSERT INTO orders VALUES ('ann', 11.00, STRUCT(city := 'Oslo', zip := 150));`
    await expect
      .poll(() => rowsOf(kept.log.sql`SELECT total, n FROM totals WHERE customer = 'ann';`), WAIT)
      .toEqual([{ TOTAL: 42.5, N: 3 }])
    await expect
      .poll(
        async () => (await rowsOf(kept.log.sql`SELECT amount FROM large;`)).toSorted(byText),
        WAIT,
      )
      .toEqual([{ AMOUNT: 11 }, { AMOUNT: 20.5 }, { AMOUNT: 30.25 }])
  })

  test('takes new statements about what it has, and drops it', async () => {
    await kept.log.sql`
      CREATE STREAM returns (customer STRING KEY, back_to address)
        WITH (KAFKA_TOPIC='returns', VALUE_FORMAT='JSON', PARTITIONS=2);
      DROP STREAM returns DELETE TOPIC;
      DROP TABLE totals DELETE TOPIC;
      DROP TABLE cities DELETE TOPIC;
      DROP STREAM large DELETE TOPIC;
      DROP STREAM orders DELETE TOPIC;
      DROP TYPE address;
    `
    await expect.poll(async () => await kept.log.admin.listTopics(), WAIT).toEqual([])
    expect(await kept.log.applications.list()).toEqual([])
  })
})

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one).localeCompare(JSON.stringify(other))
}
