/** Names the source of each column of an expression, so that equal expressions have equal texts. */
import type { Expression } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { rewrite } from '../syntax/rewrite.ts'
import type { Scope } from './scope.ts'

/** @throws {SqlError} for a column that is not in the scope, or is there twice. */
export function qualify(expression: Expression, scope: Scope, clause: string): Expression {
  return qualifyPart(expression, scope, clause, new Set())
}

function qualifyPart(
  expression: Expression,
  scope: Scope,
  clause: string,
  variables: ReadonlySet<string>,
): Expression {
  return rewrite(expression, (part) => {
    if (part.kind === 'lambda') {
      const inner = new Set([...variables, ...part.names])
      return { ...part, body: qualifyPart(part.body, scope, clause, inner) }
    }
    if (part.kind !== 'column') return undefined
    if (part.source === undefined && variables.has(part.name)) return part
    // S.F may be the field F of the column S.
    if (part.source !== undefined && !scope.has(part) && scope.has({ name: part.source })) {
      const column = { kind: 'column', name: part.source, at: part.at } as const
      return { kind: 'field', of: qualifyPart(column, scope, clause, variables), name: part.name }
    }
    const { source, name } = scope.find(part, clause).column
    return source === undefined ? part : { kind: 'column', source, name, at: part.at }
  })
}

/** Returns the text of an expression with its columns qualified. */
export function textOfExpression(expression: Expression, scope: Scope, clause: string): string {
  return printExpression(qualify(expression, scope, clause))
}
