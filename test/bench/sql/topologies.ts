/** The topologies that `npm run bench:sql` compares: of a statement, and written by hand. */
import {
  json,
  type Topology,
  text,
  timeWindows,
  topology,
} from '../../../client/streams/node/index.ts'
import { EMPTY_CATALOG, type QueryDefinition } from '../../../src/core/sql/catalog/catalog-state.ts'
import { WHOLE_LANGUAGE } from '../../../src/core/sql/expressions/whole-language.ts'
import { planDefinition } from '../../../src/core/sql/plan/plan-definition.ts'
import { execute, isChange } from '../../../src/core/sql/statements/execute.ts'
import { parseStatement } from '../../../src/core/sql/syntax/parse-statement.ts'
import { splitStatements } from '../../../src/core/sql/syntax/statement-text.ts'

const ENVIRONMENT = { nowMs: Date.now, random: Math.random, ...WHOLE_LANGUAGE }
const SOURCE =
  "CREATE STREAM orders (id STRING KEY, user STRING, amount DOUBLE, item STRING) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');"

interface Order {
  readonly USER: string
  readonly AMOUNT: number
}

interface Sum {
  readonly S: number
  readonly C: number
}

/** Parses, decides and plans statements. @returns the topology of the last query. */
export function compileStatements(sql: string): Topology {
  let state = EMPTY_CATALOG
  let query: QueryDefinition | undefined
  for (const one of splitStatements(sql)) {
    const statement = parseStatement(one)
    if (!isChange(statement)) throw new Error(`${one.text}: does not change the catalog`)
    const context = { environment: ENVIRONMENT, defaults: {}, from: 'earliest' } as const
    const outcome = execute(state, statement, one.text, context)
    state = outcome.state
    for (const effect of outcome.effects) if (effect.kind === 'start') query = effect.query
  }
  if (query === undefined) throw new Error('the statements have no query')
  return planDefinition(query, ENVIRONMENT).topology
}

const add = (_key: string, { AMOUNT }: Order, { S, C }: Sum): Sum => ({ S: S + AMOUNT, C: C + 1 })
const zero = (): Sum => ({ S: 0, C: 0 })
const orders = { key: text, value: json<Order>() }
const sums = { key: text, value: json<Sum>() }
const DAY_MS = 86_400_000

export interface Compared {
  readonly name: string
  readonly statement: string
  readonly byHand: Topology
}

export const COMPARED: readonly Compared[] = [
  {
    name: 'filter and project',
    statement: `${SOURCE} CREATE STREAM x AS SELECT id, user, amount * 2 AS a2 FROM orders WHERE amount > 50;`,
    byHand: topology('filter', (builder) =>
      builder
        .stream('orders', orders)
        .filter((_, { AMOUNT }) => AMOUNT > 50)
        .mapValues(({ USER, AMOUNT }) => ({ USER, A2: AMOUNT * 2 }))
        .to('x', { key: text, value: json() }),
    ),
  },
  {
    name: 'grouped aggregate',
    statement: `${SOURCE} CREATE TABLE x AS SELECT user, SUM(amount) AS s, COUNT(*) AS c FROM orders GROUP BY user;`,
    byHand: topology('grouped', (builder) =>
      builder
        .stream('orders', orders)
        .selectKey((_, { USER }) => USER)
        .groupByKey(orders)
        .aggregate(zero, add, { ...sums, name: 'sums' })
        .toStream()
        .to('x', sums),
    ),
  },
  {
    name: 'windowed aggregate',
    statement: `${SOURCE} CREATE TABLE x AS SELECT user, SUM(amount) AS s, COUNT(*) AS c FROM orders WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY user;`,
    byHand: topology('windowed', (builder) =>
      builder
        .stream('orders', orders)
        .selectKey((_, { USER }) => USER)
        .groupByKey(orders)
        .windowedBy(timeWindows({ sizeMs: 60_000, graceMs: DAY_MS - 60_000 }))
        .aggregate(zero, add, { ...sums, name: 'sums' })
        .toStream()
        .to('x', { value: json() }),
    ),
  },
]
