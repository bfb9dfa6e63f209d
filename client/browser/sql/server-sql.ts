/** SQL on the server, for a page that is online. */
import type {
  SourceDescription,
  StatementResult,
} from '../../../src/core/sql/statements/statement-results.ts'
import { openStatements } from '../../sql/open-statements.ts'
import { createSql, type Sql } from '../../sql/sql.ts'
import { BrowserClient } from '../browser-client.ts'

/** Returns a function that sends statements to the server, as `log.sql` of `edgelog` does. It needs the network. */
export function serverSql(log: BrowserClient): Sql {
  const { session } = BrowserClient.parts(log)
  const open = new Set<{ close(): Promise<void> }>()
  session.closed.addEventListener('abort', () => {
    for (const query of open) void query.close()
  })
  return createSql({
    open: (request) => openStatements(session.connection, request),
    keep: (query) => open.add(query),
    leave: (query) => open.delete(query),
  })
}

/**
 * Reads the catalog of the server. @returns the statements that define its streams, tables and types, for `sqlOver`.
 * They are a text, which a page can keep for its next start without a network.
 */
export async function readSources(log: BrowserClient): Promise<string> {
  const { statements } = await serverSql(log)('SHOW TYPES; SHOW STREAMS; SHOW TABLES;')
  return statements.flatMap((one) => statementsOf(one as unknown as StatementResult)).join('\n')
}

function statementsOf(result: StatementResult): readonly string[] {
  if (result.kind === 'types') {
    return result.types.map(({ name, type }) => `CREATE TYPE ${quoted(name)} AS ${type};`)
  }
  return result.kind === 'sources' ? result.sources.map(createStatement) : []
}

/** Returns the statement of a source; for the result of a query, one that names its columns. */
function createStatement(source: SourceDescription): string {
  const { kind, name, columns, topic, keyFormat, valueFormat, window, timestamp } = source
  if (!source.writers.some((id) => id.startsWith('C'))) return source.statement
  const key = kind === 'TABLE' ? ' PRIMARY KEY' : ' KEY'
  const list = columns.map(({ name: column, type, part }) => {
    return `${quoted(column)} ${type}${part === 'key' ? key : ''}`
  })
  const properties = {
    KAFKA_TOPIC: topic,
    KEY_FORMAT: keyFormat,
    VALUE_FORMAT: valueFormat,
    ...(window === undefined ? {} : { WINDOW_TYPE: window.kind }),
    ...(window?.sizeMs === undefined ? {} : { WINDOW_SIZE: `${window.sizeMs} MILLISECONDS` }),
    ...(timestamp === undefined ? {} : { TIMESTAMP: timestamp }),
  }
  const pairs = Object.entries(properties).map(
    ([property, value]) => `${property}='${value.replaceAll("'", "''")}'`,
  )
  return `CREATE ${kind} ${quoted(name)} (${list.join(', ')}) WITH (${pairs.join(', ')});`
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
