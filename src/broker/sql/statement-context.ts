/** The things that the statements of a request share. */

import {
  formatDefaultsOf,
  type SessionProperties,
  startOf,
} from '../../core/sql/catalog/session-properties.ts'
import type { CompileEnvironment } from '../../core/sql/expressions/compile-context.ts'
import { WHOLE_LANGUAGE } from '../../core/sql/expressions/whole-language.ts'
import type { ExecuteContext } from '../../core/sql/statements/outcome.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import type { LatestCatalog } from './read-catalog.ts'

export const ENVIRONMENT: CompileEnvironment = {
  nowMs: Date.now,
  random: Math.random,
  ...WHOLE_LANGUAGE,
}

/** Returns what decides about a statement besides the catalog. */
export function executeContext(properties: SessionProperties): ExecuteContext {
  const defaults = formatDefaultsOf(properties)
  return { environment: ENVIRONMENT, defaults, from: startOf(properties) }
}

export interface StatementContext {
  readonly cluster: Cluster
  readonly access: Access
  /** As it is after the earlier statements of the request. */
  readonly catalog: LatestCatalog
  readonly properties: SessionProperties
  readonly variables: ReadonlyMap<string, string>
}
