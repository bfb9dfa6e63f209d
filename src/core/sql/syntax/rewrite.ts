/** Changes parts of expressions. */
import type { Expression } from './ast.ts'

/**
 * Returns the expression with each part for which `change` returns another one replaced. The parts of a replaced one
 * are not visited.
 */
export function rewrite(
  expression: Expression,
  change: (part: Expression) => Expression | undefined,
): Expression {
  const changed = change(expression)
  if (changed !== undefined) return changed
  const go = (part: Expression) => rewrite(part, change)
  switch (expression.kind) {
    case 'literal':
    case 'column':
    case 'unit':
      return expression
    case 'call':
      return { ...expression, parameters: expression.parameters.map(go) }
    case 'lambda':
      return { ...expression, body: go(expression.body) }
    case 'case': {
      const { operand, branches, otherwise } = expression
      return {
        kind: 'case',
        branches: branches.map(({ when, result }) => ({ when: go(when), result: go(result) })),
        ...(operand === undefined ? {} : { operand: go(operand) }),
        ...(otherwise === undefined ? {} : { otherwise: go(otherwise) }),
      }
    }
    case 'subscript':
      return { ...expression, of: go(expression.of), index: go(expression.index) }
    case 'arithmetic':
    case 'comparison':
    case 'distinct':
    case 'and':
    case 'or':
      return { ...expression, left: go(expression.left), right: go(expression.right) }
    case 'between':
      return {
        ...expression,
        of: go(expression.of),
        low: go(expression.low),
        high: go(expression.high),
      }
    case 'in':
      return { ...expression, of: go(expression.of), list: expression.list.map(go) }
    case 'like':
      return { ...expression, of: go(expression.of), pattern: go(expression.pattern) }
    case 'array':
      return { ...expression, elements: expression.elements.map(go) }
    case 'map':
      return {
        kind: 'map',
        entries: expression.entries.map(({ key, value }) => ({ key: go(key), value: go(value) })),
      }
    case 'struct':
      return {
        kind: 'struct',
        fields: expression.fields.map(({ name, value }) => ({ name, value: go(value) })),
      }
    default:
      return { ...expression, of: go(expression.of) }
  }
}

/** Calls `visit` for an expression and its parts; those of a part for which it returns false are left out. */
export function walk(expression: Expression, visit: (part: Expression) => boolean): void {
  rewrite(expression, (part) => (visit(part) ? undefined : part))
}
