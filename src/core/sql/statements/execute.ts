/**
 * Decides about statements: what the catalog is afterwards, and what has to happen outside. Nothing is changed in
 * place, so a statement that is refused leaves no trace.
 */

import { describeTopology } from '../../streams/describe-topology.ts'
import { splitTopology, subTopologyNumbers } from '../../streams/split.ts'
import { compareTopologies } from '../../streams/upgrade.ts'
import {
  type CatalogQuery,
  type CatalogState,
  type QueryDefinition,
  rowOf,
  sourceNamed,
} from '../catalog/catalog-state.ts'
import { defineSource } from '../catalog/define-source.ts'
import { insertedRecord } from '../catalog/insert-values.ts'
import type { Source } from '../catalog/source.ts'
import { SqlError } from '../errors.ts'
import { durationMs } from '../plan/durations.ts'
import { type PersistentPlan, planCreateAs, planInsertInto } from '../plan/persistent-query.ts'
import { planDefinition } from '../plan/plan-definition.ts'
import type { CreateAs, CreateSource, Query, Statement } from '../syntax/ast.ts'
import { printStatement } from '../syntax/print.ts'
import { equalTypes, quoteName } from '../types/sql-type.ts'
import { alterSource, changeQueries, createType, dropSource, dropType } from './drop-and-alter.ts'
import {
  type ExecuteContext,
  type Outcome,
  shown,
  type WantedTopic,
  withSource,
} from './outcome.ts'

/** The statements that change the catalog, or write a record. */
export type ChangeStatement = Extract<
  Statement,
  {
    kind:
      | 'create-source'
      | 'create-as'
      | 'insert-into'
      | 'insert-values'
      | 'create-type'
      | 'drop-type'
      | 'drop-source'
      | 'alter-source'
      | 'terminate'
      | 'pause'
      | 'resume'
  }
>

const CHANGES: ReadonlySet<string> = new Set<ChangeStatement['kind']>([
  'create-source',
  'create-as',
  'insert-into',
  'insert-values',
  'create-type',
  'drop-type',
  'drop-source',
  'alter-source',
  'terminate',
  'pause',
  'resume',
])

export function isChange(statement: Statement): statement is ChangeStatement {
  return CHANGES.has(statement.kind)
}

/** @param text The statement as it was written. */
export function execute(
  state: CatalogState,
  statement: ChangeStatement,
  text: string,
  context: ExecuteContext,
): Outcome {
  switch (statement.kind) {
    case 'create-source':
      return createSource(state, statement, text, context)
    case 'create-as':
      return createAs(state, statement, text, context)
    case 'insert-into':
      return insertInto(state, statement, text, context)
    case 'insert-values': {
      const source = sourceNamed(state, statement.target)
      const record = insertedRecord(statement, source, context.environment)
      return { state, effects: [{ kind: 'produce', record }], message: '' }
    }
    case 'create-type':
      return createType(state, statement)
    case 'drop-type':
      return dropType(state, statement)
    case 'drop-source':
      return dropSource(state, statement)
    case 'alter-source':
      return alterSource(state, statement)
    default:
      return changeQueries(state, statement)
  }
}

/** Returns the outcome of a name that exists; undefined if it is free, or may be replaced. */
function whenTaken(
  state: CatalogState,
  { name, sourceKind, ifNotExists, orReplace }: CreateSource | CreateAs,
): Outcome | undefined {
  const existing = rowOf(state.sources, name)
  if (existing === undefined) return undefined
  const kind = existing.kind.toLowerCase()
  if (ifNotExists) {
    const message = `Cannot add ${sourceKind.toLowerCase()} ${quoteName(name)}: A ${kind} with the same name already exists.`
    return { state, effects: [], message }
  }
  if (orReplace && existing.kind === sourceKind) return undefined
  throw new SqlError(
    `Cannot add ${sourceKind.toLowerCase()} '${name}': A ${kind} with the same name already exists`,
  )
}

function createSource(
  state: CatalogState,
  statement: CreateSource,
  text: string,
  { defaults }: ExecuteContext,
): Outcome {
  const { source, properties } = defineSource(statement, text, defaults)
  const taken = whenTaken(state, statement)
  if (taken !== undefined) return taken
  const existing = rowOf(state.sources, source.name)
  if (existing?.isReadOnly === true) {
    const kind = existing.kind.toLowerCase()
    throw new SqlError(
      `Cannot add ${kind} '${existing.name}': CREATE OR REPLACE is not supported on source ${kind}s.`,
    )
  }
  if (existing !== undefined) checkReplaceable(existing, source)
  const topic: WantedTopic = {
    ...{ name: source.topic, properties, mustExist: true },
    ...{ isTable: source.kind === 'TABLE', isWindowed: source.window !== undefined },
  }
  return {
    state: withSource(state, source),
    effects: [{ kind: 'create-topic', topic }],
    message: `${shown(source.kind)} created`,
  }
}

/** Columns may be added at the end; everything else stays. */
function checkReplaceable(before: Source, after: Source): void {
  const refuse = (why: string) =>
    new SqlError(`Cannot upgrade data source: ${quoteName(after.name)}: ${why}`)
  if (before.queryId !== undefined && after.queryId === undefined) {
    throw refuse('it is written by a query; CREATE OR REPLACE ... AS SELECT is allowed')
  }
  for (const field of ['topic', 'keyFormat', 'valueFormat', 'window', 'timestamp'] as const) {
    if (JSON.stringify(before[field]) !== JSON.stringify(after[field])) {
      throw refuse(`DataSource has another ${field}; the same one is allowed`)
    }
  }
  for (const [index, column] of before.columns.entries()) {
    const same = after.columns[index]
    const isSame =
      same !== undefined &&
      same.name === column.name &&
      JSON.stringify(same.part) === JSON.stringify(column.part) &&
      equalTypes(same.type, column.type)
    if (!isSame) {
      throw refuse(
        `The following columns are changed, missing or reordered: [${quoteName(column.name)}]`,
      )
    }
  }
  const newKey = after.columns.slice(before.columns.length).find(({ part }) => part === 'key')
  if (newKey !== undefined)
    throw refuse('its key columns are other ones; the same ones are allowed')
}

function planWorld(state: CatalogState, { environment, defaults }: ExecuteContext) {
  return {
    sourceOf: (name: string) => sourceNamed(state, name),
    environment,
    defaults,
    onFailure: () => {},
  }
}

function createAs(
  state: CatalogState,
  statement: CreateAs,
  text: string,
  context: ExecuteContext,
): Outcome {
  const taken = whenTaken(state, statement)
  if (taken !== undefined) return taken
  const { name, sourceKind, query } = statement
  const existing = rowOf(state.sources, name)
  const id =
    existing?.queryId ?? `C${sourceKind === 'STREAM' ? 'S' : 'T'}AS_${name}_${state.sequence}`
  refuseOwnSource(query, name)
  const plan = planCreateAs(statement, text, id, planWorld(state, context))
  const definition = definitionOf(state, id, statement, plan, context)
  if (existing !== undefined) checkUpgrade(state, existing, plan, context)
  const retention = query.window?.retention
  const topic: WantedTopic = {
    ...{ name: plan.sink.topic, properties: plan.properties, mustExist: false },
    partitionsOf: plan.partitionsOf,
    isTable: plan.sink.kind === 'TABLE',
    isWindowed: plan.sink.window !== undefined,
    ...(retention === undefined ? {} : { windowRetentionMs: durationMs(retention) }),
  }
  const started = withQuery(withSource(state, plan.sink), definition, text, query)
  const kind = existing === undefined ? 'start' : 'replace'
  return {
    state: started,
    effects: [
      { kind: 'create-topic', topic },
      { kind, query: definition, from: context.from ?? 'latest' },
    ],
    message: `Created query with ID ${id}`,
    queryId: id,
  }
}

function refuseOwnSource({ from, joins }: Query, name: string): void {
  const reads = [from, ...joins.map(({ source }) => source)]
  const own = reads.find((source) => source.name === name)
  if (own === undefined) return
  throw new SqlError(`${name}: a query cannot read what it writes`, own.at)
}

function checkUpgrade(
  state: CatalogState,
  existing: Source,
  after: PersistentPlan,
  context: ExecuteContext,
): void {
  checkReplaceable(existing, after.sink)
  const query = rowOf(state.queries, existing.queryId ?? '')
  if (query === undefined)
    throw new SqlError(`${existing.name}: was not made by a query; drop it first`)
  const before = planDefinition(query, context.environment)
  const compared = compareTopologies(placed(before), placed(after))
  if (compared.kind !== 'incompatible') return
  throw new SqlError(
    `Upgrades not yet supported: ${quoteName(existing.name)} is not upgradeable: ${compared.reasons.join('; ')}`,
  )
}

function placed({ topology }: PersistentPlan) {
  return { topology: describeTopology(topology), subs: subTopologyNumbers(splitTopology(topology)) }
}

function definitionOf(
  state: CatalogState,
  id: string,
  statement: CreateAs | Extract<Statement, { kind: 'insert-into' }>,
  { sink }: PersistentPlan,
  { defaults }: ExecuteContext,
): QueryDefinition {
  const reads = readBy(statement.query)
  const sources = [...reads.map((name) => sourceNamed(state, name)), sink]
  return { id, statement: printStatement(statement), sources, sink: sink.name, defaults }
}

function readBy({ from, joins }: Query): string[] {
  return [...new Set([from.name, ...joins.map(({ source }) => source.name)])]
}

function withQuery(
  state: CatalogState,
  definition: QueryDefinition,
  text: string,
  query: Query,
): CatalogState {
  const started: CatalogQuery = { ...definition, text, reads: readBy(query), isPaused: false }
  return { ...state, queries: { ...state.queries, [definition.id]: started } }
}

function insertInto(
  state: CatalogState,
  statement: Extract<Statement, { kind: 'insert-into' }>,
  text: string,
  context: ExecuteContext,
): Outcome {
  const { target, query, properties } = statement
  const given = properties.get('QUERY_ID')
  const id = typeof given === 'string' ? given.toUpperCase() : `INSERTQUERY_${state.sequence}`
  if (Object.hasOwn(state.queries, id)) throw new SqlError(`Query ID '${id}' already exists.`)
  const sink = sourceNamed(state, target)
  const plan = planInsertInto(query, sink, id, planWorld(state, context))
  const definition = definitionOf(state, id, statement, plan, context)
  const next = { ...state, sequence: state.sequence + 1 }
  return {
    state: withQuery(next, definition, text, query),
    effects: [{ kind: 'start', query: definition, from: context.from ?? 'latest' }],
    message: `Created query with ID ${id}`,
    queryId: id,
  }
}
