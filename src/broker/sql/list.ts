/** SHOW and LIST. */
import { topicResource } from '../../core/access/resource.ts'
import type { CatalogQuery } from '../../core/sql/catalog/catalog-state.ts'
import { shownProperties } from '../../core/sql/catalog/known-properties.ts'
import { SqlError } from '../../core/sql/errors.ts'
import type { ResultOfStatement } from '../../core/sql/statements/statement-results.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'
import { showType } from '../../core/sql/types/sql-type.ts'
import { fanOut } from '../fan-out.ts'
import { listTopics } from '../topics.ts'
import { describeSources, listFunctions } from './describe.ts'
import { summarizeQuery } from './explain.ts'
import type { StatementContext } from './statement-context.ts'

export async function listOf(
  { what, isAll, isExtended }: Extract<Statement, { kind: 'list' }>,
  context: StatementContext,
): Promise<ResultOfStatement> {
  const { catalog, properties, variables } = context
  switch (what) {
    case 'STREAMS':
    case 'TABLES':
      return await describeSources({ what, isExtended }, context)
    case 'TOPICS':
      return await topicsOf(isAll, context)
    case 'QUERIES': {
      const queries = Object.values(catalog.state.queries).toSorted(byId)
      const summaries = await fanOut(queries, (query) => summarizeQuery(query, context))
      return { kind: 'queries', queries: summaries }
    }
    case 'FUNCTIONS':
      return { kind: 'functions', functions: listFunctions() }
    case 'PROPERTIES':
      return { kind: 'properties', properties: shownProperties(properties) }
    case 'TYPES': {
      const types = Object.entries(catalog.state.types)
      return {
        kind: 'types',
        types: types.map(([name, type]) => ({ name, type: showType(type) })),
      }
    }
    case 'VARIABLES':
      return {
        kind: 'variables',
        variables: [...variables].map(([name, value]) => ({ name, value })),
      }
    default:
      throw new SqlError('CONNECTORS: statements about connectors are not supported')
  }
}

function byId(one: CatalogQuery, other: CatalogQuery): number {
  return one.id < other.id ? -1 : 1
}

/** Topics of applications are internal. */
const INTERNAL = /-repartition(-\d+)?$/

async function topicsOf(
  isAll: boolean,
  { cluster, access }: StatementContext,
): Promise<ResultOfStatement> {
  const all = await listTopics(cluster)
  const shown = all.filter(({ name }) => isAll || !(INTERNAL.test(name) || name.startsWith('__')))
  const allowed = await access.filter(shown, 'describe', ({ name }) => topicResource(name))
  return { kind: 'topics', topics: allowed.map(({ name, partitions }) => ({ name, partitions })) }
}
