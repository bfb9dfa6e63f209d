/**
 * Writes a state with SQL: types, sources, and queries with and without state. For `states/*.kept-queries.json`, with
 * `node test/upgrade/kept-queries.ts FILE RELEASE`.
 */
import type { Client } from '../../client/index.ts'
import { until } from '../support/until.ts'
import { keepState } from './keep-state.ts'

async function writeQueries({ sql }: Client): Promise<void> {
  await sql`
    CREATE TYPE address AS STRUCT<city STRING, zip INT>;
    CREATE STREAM orders (customer STRING KEY, amount DECIMAL(9, 2), ship_to address)
      WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=2);
    SET 'auto.offset.reset' = 'earliest';
    CREATE TABLE totals AS
      SELECT customer, SUM(amount) AS total, COUNT(*) AS n FROM orders GROUP BY customer;
    CREATE TABLE cities AS
      SELECT ship_to->city AS city, COUNT(*) AS n FROM orders
      WINDOW TUMBLING (SIZE 1 DAY, RETENTION 36500 DAYS) GROUP BY ship_to->city;
    CREATE STREAM large AS SELECT * FROM orders WHERE amount > 10;
    INSERT INTO orders VALUES ('ann', 1.25, STRUCT(city := 'Oslo', zip := 150));
    INSERT INTO orders VALUES ('bob', 20.50, STRUCT(city := 'Bergen', zip := 5003));
    INSERT INTO orders VALUES ('ann', 30.25, STRUCT(city := 'Oslo', zip := 150));
  `
  await until('the queries have read all rows', async () => {
    const rows = []
    for await (const row of sql`SELECT * FROM totals;`) rows.push(row)
    return rows.length === 2 && rows.some(({ TOTAL }) => Number(TOTAL) === 31.5)
  })
}

await keepState(writeQueries)
