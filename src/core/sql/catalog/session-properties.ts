/** The properties of a session, which SET changes and requests carry: what those say that statements follow. */
import type { StartPosition } from '../../streams/application-api.ts'
import { SqlError } from '../errors.ts'
import type { FormatDefaults } from './with-properties.ts'

export const START = 'auto.offset.reset'
export const KEY_FORMAT = 'ksql.persistence.default.format.key'
export const VALUE_FORMAT = 'ksql.persistence.default.format.value'

export const TABLE_SCAN = 'ksql.query.pull.table.scan.enabled'
export const PULL_LIMIT = 'ksql.query.pull.limit.clause.enabled'

export type SessionProperties = ReadonlyMap<string, string>

export function startOf(session: SessionProperties): StartPosition {
  return session.get(START) === 'earliest' ? 'earliest' : 'latest'
}

/** Returns whether a pull query may read a whole table. */
export function mayScanTables(session: SessionProperties): boolean {
  return session.get(TABLE_SCAN) !== 'false'
}

/** @throws {SqlError} for a pull query with LIMIT in a session without them. */
export function checkPullLimit(session: SessionProperties, limit: number | undefined): void {
  if (limit === undefined || session.get(PULL_LIMIT) !== 'false') return
  throw new SqlError(
    `LIMIT clause in pull queries is currently disabled. You can enable them by setting ${PULL_LIMIT}=true.`,
  )
}

export function formatDefaultsOf(session: SessionProperties): FormatDefaults {
  const key = session.get(KEY_FORMAT)
  const value = session.get(VALUE_FORMAT)
  return { ...(key ? { key } : {}), ...(value ? { value } : {}) }
}
