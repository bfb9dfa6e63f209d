/** SET, UNSET, DEFINE and UNDEFINE: they hold for the later statements of a request. */
import { checkSessionProperty, propertyName } from '../../core/sql/catalog/known-properties.ts'
import type { ResultOfStatement } from '../../core/sql/statements/statement-results.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'

export interface Session {
  readonly properties: Map<string, string>
  /** By their names in upper case. */
  readonly variables: Map<string, string>
}

export type SessionStatement = Extract<Statement, { kind: 'set' | 'unset' | 'define' | 'undefine' }>

export function isOfSession(statement: Statement): statement is SessionStatement {
  const { kind } = statement
  return kind === 'set' || kind === 'unset' || kind === 'define' || kind === 'undefine'
}

/** @throws {SqlError} for a property that is unknown, or a value that is not allowed. */
export function changeSession(
  statement: SessionStatement,
  { properties, variables }: Session,
): ResultOfStatement {
  switch (statement.kind) {
    case 'set': {
      const { property, value } = statement
      checkSessionProperty(property, value)
      properties.set(propertyName(property), value)
      return { kind: 'session', change: 'set', name: property, value }
    }
    case 'unset':
      properties.delete(propertyName(statement.property))
      return { kind: 'session', change: 'unset', name: statement.property }
    case 'define': {
      const { name, value } = statement
      variables.set(name, value)
      return { kind: 'session', change: 'define', name, value }
    }
    default:
      variables.delete(statement.name)
      return { kind: 'session', change: 'undefine', name: statement.name }
  }
}
