/** Describes sources and functions. */
import { topicResource } from '../../core/access/resource.ts'
import { AGGREGATE_FUNCTIONS } from '../../core/sql/aggregates/aggregates.ts'
import { queriesOf, sourceNamed } from '../../core/sql/catalog/catalog-state.ts'
import type { Source, SourceColumn } from '../../core/sql/catalog/source.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../../core/sql/functions/functions.ts'
import { nearestName } from '../../core/sql/nearest-name.ts'
import type {
  FunctionDescription,
  FunctionSummary,
  ResultOfStatement,
  ShownColumn,
  SourceDescription,
} from '../../core/sql/statements/statement-results.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'
import { showType } from '../../core/sql/types/sql-type.ts'
import { fanOut } from '../fan-out.ts'
import type { StatementContext } from './statement-context.ts'
import { FutureTopics } from './wanted-topics.ts'

export async function describeSource(
  { name, isExtended }: Extract<Statement, { kind: 'describe' }>,
  context: StatementContext,
): Promise<ResultOfStatement> {
  const source = sourceNamed(context.catalog.state, name)
  const [description] = await describeEach([source], isExtended, context)
  return { kind: 'source', source: description as SourceDescription, isExtended }
}

export async function describeSources(
  { what, isExtended }: { readonly what: 'STREAMS' | 'TABLES'; readonly isExtended: boolean },
  context: StatementContext,
): Promise<ResultOfStatement> {
  const sourceKind = what === 'STREAMS' ? 'STREAM' : 'TABLE'
  const all = Object.values(context.catalog.state.sources)
  const wanted = all.filter(({ kind }) => kind === sourceKind)
  const sources = await describeEach(wanted, isExtended, context)
  return { kind: 'sources', sourceKind, sources, isExtended }
}

/** @param isExtended True to also look up the topics that the caller may describe. */
async function describeEach(
  sources: readonly Source[],
  isExtended: boolean,
  { cluster, access, catalog }: StatementContext,
): Promise<SourceDescription[]> {
  const ordered = sources.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const topics = new FutureTopics(cluster, catalog.pending)
  return await fanOut(ordered, async (source) => {
    const { readers, writers } = queriesOf(catalog.state, source.name)
    const mayLook = isExtended && (await access.allows('describe', topicResource(source.topic)))
    const partitions = mayLook ? await topics.partitionsOf(source.topic) : undefined
    return {
      ...{ name: source.name, kind: source.kind, topic: source.topic, statement: source.statement },
      columns: source.columns.map(shownColumn),
      ...{ keyFormat: source.keyFormat.name, valueFormat: source.valueFormat.name },
      ...(source.window === undefined ? {} : { window: source.window }),
      ...(source.timestamp === undefined ? {} : { timestamp: source.timestamp.column }),
      isReadOnly: source.isReadOnly === true,
      readers: readers.map(({ id }) => id),
      writers: writers.map(({ id }) => id),
      ...(partitions === undefined ? {} : { partitions }),
    }
  })
}

export function shownColumn({ name, type, part }: SourceColumn): ShownColumn {
  const shown = { name, type: showType(type) }
  return typeof part === 'object'
    ? { ...shown, part: 'headers', header: part.header }
    : { ...shown, part }
}

const FUNCTIONS = [
  ['SCALAR', SCALAR_FUNCTIONS],
  ['TABLE', TABLE_FUNCTIONS],
  ['AGGREGATE', AGGREGATE_FUNCTIONS],
] as const

export function listFunctions(): FunctionSummary[] {
  return FUNCTIONS.flatMap(([type, functions]) =>
    [...functions.keys()].map((name) => ({ name, type })),
  ).toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

export function describeFunction(given: string): ResultOfStatement {
  const name = given.toUpperCase()
  for (const [type, functions] of FUNCTIONS) {
    const found = functions.get(name)
    if (found === undefined) continue
    const signatures = found.variants.map(({ signature }) => `${name}${signature}`)
    const { description } = found
    const described: FunctionDescription = { name, type, description, signatures }
    return { kind: 'function', function: described }
  }
  const near = nearestName(
    name,
    FUNCTIONS.flatMap(([, functions]) => [...functions.keys()]),
  )
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new SqlError(`Can't find any functions with the name '${given}'.${hint}`)
}
