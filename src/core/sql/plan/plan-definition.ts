/** Plans a query again from its definition, wherever it runs. */
import type { QueryDefinition } from '../catalog/catalog-state.ts'
import { SqlError } from '../errors.ts'
import type { CompileEnvironment } from '../expressions/compile-context.ts'
import type { FailureListener } from '../expressions/typed.ts'
import { parseStatement } from '../syntax/parse-statement.ts'
import { splitStatements } from '../syntax/statement-text.ts'
import { type PersistentPlan, planCreateAs, planInsertInto } from './persistent-query.ts'

/** @throws {SqlError} for a definition that this version cannot plan. */
export function planDefinition(
  { id, statement, sources, sink, defaults }: QueryDefinition,
  environment: CompileEnvironment,
  onFailure: FailureListener = () => {},
): PersistentPlan {
  const sourceOf = (name: string) => {
    const source = sources.find((one) => one.name === name)
    if (source === undefined)
      throw new SqlError(`query ${id}: source ${name} is not in its definition`)
    return source
  }
  const [text] = splitStatements(statement)
  const parsed = text && parseStatement(text)
  const world = { sourceOf, environment, onFailure, defaults }
  if (parsed?.kind === 'create-as') return planCreateAs(parsed, statement, id, world)
  if (parsed?.kind === 'insert-into') return planInsertInto(parsed.query, sourceOf(sink), id, world)
  throw new SqlError(`query ${id}: ${statement.slice(0, 60)} is not a query that runs`)
}
