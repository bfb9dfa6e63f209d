/** Queries as programs of applications. A room of its own compiles them: an object that deploys one has no compiler. */
import type { Program } from '../../streams/task-api.ts'
import type { QueryDefinition } from '../catalog/catalog-state.ts'

/** The kind of the programs. */
export const SQL_PROGRAM = 'sql'

export function queryProgram(query: QueryDefinition): Program {
  const { id, statement, sources, sink, defaults } = query
  return { kind: SQL_PROGRAM, definition: { id, statement, sources, sink, defaults } }
}
