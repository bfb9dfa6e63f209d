/** EXPLAIN, and the state of queries. */
import { EdgelogError } from '../../core/errors.ts'
import { type CatalogQuery, rowOf, sourceNamed } from '../../core/sql/catalog/catalog-state.ts'
import { formatDefaultsOf } from '../../core/sql/catalog/session-properties.ts'
import type { Source } from '../../core/sql/catalog/source.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { nearestName } from '../../core/sql/nearest-name.ts'
import { applicationNameOf } from '../../core/sql/plan/application-name.ts'
import { planDefinition } from '../../core/sql/plan/plan-definition.ts'
import { keysOf } from '../../core/sql/query/key-lookup.ts'
import { needsTopology, planSelect, type ResultColumn } from '../../core/sql/query/select-plan.ts'
import { planTransient } from '../../core/sql/query/transient-plan.ts'
import { execute } from '../../core/sql/statements/execute.ts'
import type {
  QueryDescription,
  QuerySummary,
  ResultOfStatement,
} from '../../core/sql/statements/statement-results.ts'
import type { Query, Statement } from '../../core/sql/syntax/ast.ts'
import { printStatement } from '../../core/sql/syntax/print.ts'
import type { TaskDescription } from '../../core/streams/task-api.ts'
import type { Topology } from '../../core/streams/topology.ts'
import { describeApplication, summarizeApplication } from '../applications.ts'
import { shownColumn } from './describe.ts'
import { ENVIRONMENT, executeContext, type StatementContext } from './statement-context.ts'

export async function summarizeQuery(
  query: CatalogQuery,
  { cluster }: StatementContext,
): Promise<QuerySummary> {
  const { status, error } = await orUnresponsive(
    summarizeApplication(cluster, applicationNameOf(query.id)),
  )
  return { ...partsOf(query), status, ...(error === undefined ? {} : { error }) }
}

/** @param what A statement, or the id of a query. */
export async function explain(
  what: string | Statement,
  context: StatementContext,
): Promise<ResultOfStatement> {
  if (typeof what !== 'string') return { kind: 'query', query: explainStatement(what, context) }
  const query = queryNamed(context, what)
  const { topology } = planDefinition(query, ENVIRONMENT)
  const sink = sourceOf(query)
  const name = applicationNameOf(query.id)
  const application = await orUnresponsive(describeApplication(context.cluster, name))
  const { status, error } = application
  return {
    kind: 'query',
    query: {
      ...partsOf(query),
      columns: sink.columns.map(shownColumn),
      topology: textOf(topology, 'tasks' in application ? application.tasks : undefined),
      ...{ status, ...(error === undefined ? {} : { error }) },
      ...('tasks' in application ? { application } : {}),
    },
  }
}

function explainStatement(statement: Statement, context: StatementContext): QueryDescription {
  if (statement.kind === 'query') return explainRead(statement, context)
  if (statement.kind !== 'create-as' && statement.kind !== 'insert-into') {
    throw new SqlError(
      'EXPLAIN: SELECT, CREATE ... AS SELECT, INSERT INTO ... SELECT, or the id of a query is allowed',
    )
  }
  const { properties, catalog } = context
  const outcome = execute(
    catalog.state,
    statement,
    printStatement(statement),
    executeContext(properties),
  )
  const started = outcome.effects.find(({ kind }) => kind === 'start' || kind === 'replace')
  if (started === undefined || !('query' in started)) throw new SqlError(outcome.message)
  const query = outcome.state.queries[started.query.id] as CatalogQuery
  const { topology, sink } = planDefinition(query, ENVIRONMENT)
  return {
    ...partsOf(query),
    columns: sink.columns.map(shownColumn),
    topology: textOf(topology),
  }
}

/** Explains a query that is read, and has no id. */
function explainRead(query: Query, { catalog, properties }: StatementContext): QueryDescription {
  const { from, joins, emit, where } = query
  const names = [from, ...joins.map(({ source }) => source)].map(({ name }) => name)
  const base = { id: '', statement: printStatement(query), sink: '', sinkTopic: '', reads: names }
  const source = sourceNamed(catalog.state, from.name)
  if (emit !== undefined && needsTopology(query)) {
    const world = {
      sourceOf: (name: string) => sourceNamed(catalog.state, name),
      environment: ENVIRONMENT,
      onFailure: () => {},
      defaults: formatDefaultsOf(properties),
    }
    const { columns, topology } = planTransient(query, world, () => {})
    const shown = `in the memory of the request:\n${textOf(topology)}`
    return { ...base, columns: columns.map(resultColumn), topology: shown }
  }
  const { columns } = planSelect(query, source, ENVIRONMENT)
  const keys = keysOf(where, source, ENVIRONMENT)
  const way =
    emit === undefined && source.kind === 'TABLE'
      ? keys === undefined
        ? 'reads all rows'
        : `looks up ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`
      : `reads topic ${source.topic}${emit === undefined ? ' to its end' : ', and goes on'}`
  const topology = `${source.name}: ${way}; the condition and the columns are computed for each row`
  return { ...base, columns: columns.map(resultColumn), topology }
}

function resultColumn({ name, type, isKey }: ResultColumn): QueryDescription['columns'][number] {
  return shownColumn({ name, type, part: isKey ? 'key' : 'value' })
}

function queryNamed({ catalog }: StatementContext, id: string): CatalogQuery {
  const { queries } = catalog.state
  const query = rowOf(queries, id)
  if (query !== undefined) return query
  const near = nearestName(id, Object.keys(queries))
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new SqlError(
    `Query with id:${id} does not exist, use SHOW QUERIES to view the full set of queries.${hint}`,
  )
}

function sourceOf({ id, sources, sink }: CatalogQuery): Source {
  const source = sources.find(({ name }) => name === sink)
  if (source !== undefined) return source
  throw new SqlError(`query ${id}: its sink ${sink} is not in its definition`)
}

function partsOf(query: CatalogQuery): Omit<QuerySummary, 'status'> {
  const { id, text, sink, reads } = query
  return { id, statement: text, sink, sinkTopic: sourceOf(query).topic, reads }
}

/** Returns each node on a line, with its inputs and, if it runs, the records that it has processed in all tasks. */
function textOf({ nodes }: Topology, tasks?: readonly TaskDescription[]): string {
  return nodes
    .map(({ name, kind, inputs, stores = [] }) => {
      const from = inputs.length === 0 ? '' : ` <- ${inputs.join(', ')}`
      const state = stores.length === 0 ? '' : ` [${stores.map((store) => store.name).join(', ')}]`
      const work = tasks === undefined ? '' : `: ${workOf(name, tasks)}`
      return `${name} (${kind})${state}${from}${work}`
    })
    .join('\n')
}

function workOf(node: string, tasks: readonly TaskDescription[]): string {
  let [processed, dropped] = [0, 0]
  for (const task of tasks) {
    processed += task.nodes[node] ?? 0
    for (const [reason, count] of Object.entries(task.dropped)) {
      if (reason.startsWith(`${node}: `)) dropped += count
    }
  }
  const records = `${processed} ${processed === 1 ? 'record' : 'records'}`
  return dropped === 0 ? records : `${records}, ${dropped} dropped`
}

/** An application may still be missing, or not respond; its query is shown nevertheless. */
async function orUnresponsive<T>(
  summary: Promise<T>,
): Promise<T | { readonly status: 'unresponsive'; readonly error: string }> {
  try {
    return await summary
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    return { status: 'unresponsive', error: error.message }
  }
}
