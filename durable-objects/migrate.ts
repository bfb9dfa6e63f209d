/**
 * Brings the tables of an object to the schema of this release. Each class has a numbered, append-only list of steps,
 * so state that any earlier release wrote can be opened. The table `schema_version` stores how many steps have run.
 */
import { assert } from '../src/core/errors.ts'

/** SQL, or a function for steps that must read rows. */
export type SchemaStep = string | ((sql: SqlStorage) => void)

/**
 * Runs the missing steps in one transaction. Tables without a number come from releases before numbering: the first
 * step of each list creates tables only if they do not exist.
 *
 * @throws {Error} for tables of a later release, which this one must not write to.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly SchemaStep[]): void {
  const { sql } = storage
  const version = schemaVersion(sql)
  assert(
    version <= steps.length,
    `the schema is ${version}, of a later release; this one has ${steps.length}`,
  )
  if (version === steps.length) return
  storage.transactionSync(() => {
    for (const step of steps.slice(version)) {
      if (typeof step === 'string') sql.exec(step)
      else step(sql)
    }
    sql.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
    sql.exec('DELETE FROM schema_version')
    sql.exec('INSERT INTO schema_version (version) VALUES (?)', steps.length)
  })
}

/** Returns whether a table exists. Only reads: an object that was never used must not allocate storage. */
export function hasTable(sql: SqlStorage, name: string): boolean {
  return sql.exec('SELECT 1 FROM sqlite_master WHERE name = ?', name).toArray().length > 0
}

function schemaVersion(sql: SqlStorage): number {
  if (!hasTable(sql, 'schema_version')) return 0
  return sql.exec<{ version: number }>('SELECT version FROM schema_version').one().version
}
