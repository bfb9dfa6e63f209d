/** Pull queries of tables: reads the rows where their state is. */
import { groupResource, topicResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  type CatalogState,
  type QueryDefinition,
  rowOf,
} from '../../core/sql/catalog/catalog-state.ts'
import { columnsOf, type Source } from '../../core/sql/catalog/source.ts'
import { SqlError } from '../../core/sql/errors.ts'
import type { Row } from '../../core/sql/expressions/typed.ts'
import { PULL_ROWS_MAX, PULL_WAIT_MS } from '../../core/sql/limits.ts'
import { applicationNameOf } from '../../core/sql/plan/application-name.ts'
import type { PersistentPlan } from '../../core/sql/plan/persistent-query.ts'
import { planDefinition } from '../../core/sql/plan/plan-definition.ts'
import type { Materialized } from '../../core/sql/plan/relation.ts'
import { type Key, keySerde, type RecordKey } from '../../core/sql/plan/serdes.ts'
import { isKeyRange, keysOf, windowBoundsOf } from '../../core/sql/query/key-lookup.ts'
import { planSelect, recordReader, storedRowReader } from '../../core/sql/query/select-plan.ts'
import type { Expression, Query } from '../../core/sql/syntax/ast.ts'
import { walk } from '../../core/sql/syntax/rewrite.ts'
import { quoteName } from '../../core/sql/types/sql-type.ts'
import type { Value } from '../../core/sql/types/value.ts'
import { QUERY_ROWS_MAX } from '../../core/streams/limits.ts'
import type { StoreSpec } from '../../core/streams/stores/store-spec.ts'
import type { StoreRow } from '../../core/streams/task-api.ts'
import { partitionForKey } from '../../core/topic/partitioner.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { Access } from '../access.ts'
import { placementOf, queryTask } from '../applications.ts'
import type { Cluster } from '../cluster.ts'
import { getFromTable, scanTable, type TablePage } from '../table.ts'
import { limited, type ResultRow, type ResultRows } from './result-rows.ts'
import { ENVIRONMENT } from './statement-context.ts'

/** The parts of a query that read rows of the source, wherever they are. */
interface Wanted {
  readonly keys: ReadonlyArray<readonly Value[]> | undefined
  readonly fromMs: number
  readonly toMs: number
}

export async function pullTable(
  cluster: Cluster,
  access: Access,
  state: CatalogState,
  query: Query,
  source: Source,
  mayScan: boolean,
): Promise<ResultRows> {
  refusePlaces(query)
  const plan = planSelect(query, source, ENVIRONMENT)
  const wanted: Wanted = {
    keys: keysOf(query.where, source, ENVIRONMENT),
    ...windowBoundsOf(query.where, ENVIRONMENT),
  }
  checkLookup(query, source, wanted, mayScan)
  const rows = await rowsOf(cluster, access, state, source, wanted)
  const select = async function* (): AsyncGenerator<readonly ResultRow[], void> {
    let count = 0
    for await (const some of rows) {
      const selected = some.flatMap((row) => {
        const values = plan.select(row)
        return values === undefined ? [] : [{ values }]
      })
      count += selected.length
      if (count > PULL_ROWS_MAX) {
        throw new SqlError(
          `the result has more than ${PULL_ROWS_MAX} rows; a condition or LIMIT makes it smaller`,
        )
      }
      yield selected
    }
  }
  const queryId = `query_${crypto.randomUUID()}`
  const rowsUpTo = limited(select(), query.limit)
  return { queryId, columns: plan.columns, kind: 'pull-table', isEndless: false, rows: rowsUpTo }
}

/** @param mayScan False: the session allows lookups by key, or by a range of it, only. */
function checkLookup(query: Query, source: Source, { keys }: Wanted, mayScan: boolean): void {
  if (keys?.some((key) => key.includes(null))) {
    throw new SqlError('Primary key columns can not be NULL: no row has such a key')
  }
  if (mayScan || keys !== undefined || isKeyRange(query.where, source, ENVIRONMENT)) return
  throw new SqlError(
    'Query requires table scan to be enabled: WHERE clause missing key column. Table scans can be enabled by setting ksql.query.pull.table.scan.enabled=true',
  )
}

const PLACES: ReadonlySet<string> = new Set(['ROWPARTITION', 'ROWOFFSET'])

/** A row of a table has no place in a log. @throws {SqlError} for a query that asks for it. */
function refusePlaces({ select, where }: Query): void {
  const refuse = (clause: string, expression: Expression) =>
    walk(expression, (part) => {
      if (part.kind !== 'column' || !PLACES.has(part.name)) return true
      throw new SqlError(
        `Pull queries don't support the following columns in ${clause} clauses: ${quoteName(part.name)}; streams have it`,
        part.at,
      )
    })
  for (const item of select) if (item.kind === 'expression') refuse('SELECT', item.expression)
  if (where !== undefined) refuse('WHERE', where)
}

async function rowsOf(
  cluster: Cluster,
  access: Access,
  state: CatalogState,
  source: Source,
  wanted: Wanted,
): Promise<AsyncGenerator<readonly Row[], void>> {
  const definition = rowOf(state.queries, source.queryId ?? '')
  const plan = definition && planOf(definition)
  if (plan?.materialized !== undefined) {
    const application = applicationNameOf(definition?.id ?? '')
    await access.check('read', groupResource(application))
    return readStore(cluster, application, plan, plan.materialized, source, wanted)
  }
  const topic = parseTopicName(source.topic, 'topic')
  await access.check('read', topicResource(topic))
  const { config } = await cluster.topics.get(topic)
  if (!config.tableEnable || source.window !== undefined) {
    throw new SqlError(
      `Can't pull from \`${source.name}\` as it's not a materialized table: it is not written by a query, and its topic ${topic} is not compacted with edgelog.table.enable=true`,
    )
  }
  return readTopicTable(cluster, source, wanted)
}

/** The plans of the definitions of the catalog that this isolate keeps. */
const PLANS = new WeakMap<QueryDefinition, PersistentPlan>()

function planOf(definition: QueryDefinition): PersistentPlan {
  const known = PLANS.get(definition)
  if (known !== undefined) return known
  const plan = planDefinition(definition, ENVIRONMENT)
  PLANS.set(definition, plan)
  return plan
}

/** Reads the store of the query that writes the table. */
async function* readStore(
  cluster: Cluster,
  application: string,
  plan: PersistentPlan,
  { store, view }: Materialized,
  source: Source,
  { keys, fromMs, toMs }: Wanted,
): AsyncGenerator<readonly Row[], void> {
  const spec = storeSpec(plan, store)
  const toRow = storedRowReader(source)
  const read = (rows: readonly StoreRow[]) =>
    rows.flatMap(({ key, value, timestamp, window }) => {
      const plain = spec.key.deserialize(key as Uint8Array) as Key
      const recordKey = (window === undefined ? plain : { key: plain, ...window }) as RecordKey
      const row = view(recordKey as Key, spec.value.deserialize(value as Uint8Array), timestamp)
      return row === null ? [] : [toRow(recordKey, row, timestamp)]
    })
  const base = { store, maxWaitMs: PULL_WAIT_MS, isRaw: true, limit: QUERY_ROWS_MAX } as const
  const { tasks } = await placementOf(cluster, application, store)
  if (keys !== undefined) {
    for (const one of keys) {
      const key = spec.key.serialize(one as never)
      const partition = partitionForKey(key, tasks)
      const kind =
        spec.kind === 'key-value'
          ? ({ kind: 'get', key } as const)
          : ({ kind: 'windows', key, fromMs, toMs } as const)
      const found = await queryTask(cluster, application, { ...base, ...kind }, partition)
      refuseMore(found.hasMore)
      yield read(found.rows)
    }
    return
  }
  for (let partition = 0; partition < tasks; partition++) {
    if (spec.kind !== 'key-value') {
      const windows = { ...base, kind: 'windows', fromMs, toMs } as const
      const found = await queryTask(cluster, application, windows, partition)
      refuseMore(found.hasMore)
      yield read(found.rows)
      continue
    }
    let after: Uint8Array | undefined
    for (;;) {
      const range = { ...base, kind: 'range', ...(after === undefined ? {} : { after }) } as const
      const found = await queryTask(cluster, application, range, partition)
      yield read(found.rows)
      after = found.rows.at(-1)?.key as Uint8Array | undefined
      if (!found.hasMore || after === undefined) break
    }
  }
}

function refuseMore(hasMore: boolean): void {
  if (!hasMore) return
  throw new SqlError(
    `the query reads more than ${QUERY_ROWS_MAX} windows of one partition; bounds of WINDOWSTART make them fewer`,
  )
}

function storeSpec({ topology }: PersistentPlan, store: string): StoreSpec {
  for (const { stores = [] } of topology.nodes) {
    const spec = stores.find(({ name }) => name === store)
    if (spec !== undefined) return spec
  }
  throw new Error(`the plan has no store ${store}`)
}

/** Reads the latest value of each key of a compacted topic. */
async function* readTopicTable(
  cluster: Cluster,
  source: Source,
  { keys }: Wanted,
): AsyncGenerator<readonly Row[], void> {
  const topic = parseTopicName(source.topic, 'topic')
  const read = recordReader(source, ENVIRONMENT)
  if (keys !== undefined) {
    const serde = keySerde(source.keyFormat, columnsOf(source, 'key'))
    for (const one of keys) {
      try {
        const found = await getFromTable(cluster, topic, {
          key: serde.serialize(one),
          maxWaitMs: PULL_WAIT_MS,
        })
        yield [read({ ...found.record, partition: found.partition }).row]
      } catch (error) {
        if (!(error instanceof EdgelogError) || error.code !== 'key_not_found') throw error
      }
    }
    return
  }
  let next: TablePage['next'] = { partition: 0, after: undefined }
  while (next !== undefined) {
    const options = { ...next, prefix: new Uint8Array(), limit: QUERY_ROWS_MAX }
    const page: TablePage = await scanTable(cluster, topic, { ...options, maxWaitMs: PULL_WAIT_MS })
    yield page.records.map(({ record, partition }) => read({ ...record, partition }).row)
    next = page.next
  }
}
