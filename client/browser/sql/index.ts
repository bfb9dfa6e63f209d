/**
 * edgelog/browser/sql: queries over the records that a page has, offline too, and SQL on the server.
 *
 * @module
 * @example
 * import { connect } from 'edgelog/browser'
 * import { sqlOver } from 'edgelog/browser/sql'
 *
 * const log = connect()
 * const sql = sqlOver(log, {
 *   sources: `CREATE STREAM clicks (page STRING) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');`,
 * })
 * for await (const { PAGE } of sql`SELECT page FROM clicks EMIT CHANGES;`) console.log(PAGE)
 */
export type { SqlColumn, SqlStatementResult } from '../../sql/open-statements.ts'
export type { Sql, SqlCall, SqlChange, SqlOptions, SqlResult, SqlRow } from '../../sql/sql.ts'
export type { SqlParameter, SqlParameters } from '../../sql/sql-text.ts'
export { readSources, serverSql } from './server-sql.ts'
export { type PageSqlOptions, sqlOver } from './sql-over.ts'
