/** Runs one query that is read: SELECT. */

import { type CatalogState, sourceNamed } from '../../core/sql/catalog/catalog-state.ts'
import {
  checkPullLimit,
  mayScanTables,
  type SessionProperties,
  startOf,
} from '../../core/sql/catalog/session-properties.ts'
import { needsTopology } from '../../core/sql/query/select-plan.ts'
import type { Query } from '../../core/sql/syntax/ast.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { pullTable } from './pull-table.ts'
import { readLog } from './read-log.ts'
import type { ResultRows } from './result-rows.ts'
import { runTransient } from './run-transient.ts'

/**
 * Begins a query. One with EMIT CHANGES goes on until its limit is reached, or its reader leaves.
 *
 * @throws {SqlError} for a query that is not of one source, or whose source does not exist.
 */
export async function runQuery(
  cluster: Cluster,
  access: Access,
  state: CatalogState,
  query: Query,
  properties: SessionProperties,
  signal: AbortSignal,
): Promise<ResultRows> {
  const source = sourceNamed(state, query.from.name)
  const isPush = query.emit !== undefined
  if (!isPush) checkPullLimit(properties, query.limit)
  if (!isPush && source.kind === 'TABLE') {
    return await pullTable(cluster, access, state, query, source, mayScanTables(properties))
  }
  if (isPush && needsTopology(query)) {
    return await runTransient(cluster, access, state, query, properties, signal)
  }
  const from = isPush ? startOf(properties) : 'earliest'
  return await readLog(cluster, access, query, source, { from, isPush, signal })
}
