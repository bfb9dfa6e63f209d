/** The items of SELECT: what `*` stands for, and the names of columns. */
import { SqlError } from '../errors.ts'
import { compile } from '../expressions/compile.ts'
import type { CompileContext } from '../expressions/compile-context.ts'
import type { ScopeColumn } from '../expressions/scope.ts'
import type { Expression, SelectItem } from '../syntax/ast.ts'
import { showType } from '../types/sql-type.ts'
import type { Relation } from './relation.ts'

export interface NamedExpression {
  readonly name: string
  readonly expression: Expression
}

const NO_PLACE = { line: 1, column: 1 }

/**
 * Returns an expression with a name for each column of the result.
 *
 * @param withWindow True to have the bounds of a window among the columns of `*`.
 */
export function expandSelect(
  items: readonly SelectItem[],
  relation: Relation,
  context: CompileContext,
  withWindow: boolean,
): NamedExpression[] {
  const names = new Names(relation)
  return items.flatMap((item): NamedExpression[] => {
    if (item.kind === 'all') return expandAll(relation, item.source, withWindow)
    if (item.kind === 'all-fields') return expandFields(item.of, context)
    const { expression, alias } = item
    return [{ name: alias ?? names.of(expression), expression }]
  })
}

function expandAll(
  relation: Relation,
  source: string | undefined,
  withWindow: boolean,
): NamedExpression[] {
  const { scope, isJoined } = relation
  const keys = new Set(relation.key.map(({ indexes }) => scope.columns[indexes[0] ?? -1]))
  const isWanted = (column: ScopeColumn) =>
    column.isPseudo !== true ||
    keys.has(column) ||
    ((withWindow || isJoined) && (column.name === 'WINDOWSTART' || column.name === 'WINDOWEND'))
  const columns = scope.columns.filter(
    (column) => isWanted(column) && (source === undefined || column.source === source),
  )
  if (columns.length === 0) {
    throw new SqlError(`SELECT ${source}.*: ${source} is not a source of the query`)
  }
  return inOrder(columns, relation).map(({ source: of, name }) => ({
    name: isJoined && of !== undefined ? `${of}_${name}` : name,
    expression: {
      kind: 'column',
      ...(of === undefined ? {} : { source: of }),
      name,
      at: NO_PLACE,
    },
  }))
}

/**
 * Keys come first, then the window, and keys that were replaced by PARTITION BY come last. In a join it is so for each
 * source.
 */
function inOrder(columns: readonly ScopeColumn[], relation: Relation): ScopeColumn[] {
  const { key, scope, oldKey = [], isJoined } = relation
  if (isJoined && oldKey.length === 0) return inOrderOfSources(columns)
  const ranks = new Map<ScopeColumn | undefined, number>(
    oldKey.map((index) => [scope.columns[index], 3]),
  )
  for (const { indexes } of key) ranks.set(scope.columns[indexes[0] ?? -1], 0)
  const rank = (column: ScopeColumn) => ranks.get(column) ?? (column.isPseudo === true ? 1 : 2)
  return [...columns].sort((one, other) => rank(one) - rank(other))
}

/** A key that no source has comes before them. */
function inOrderOfSources(columns: readonly ScopeColumn[]): ScopeColumn[] {
  const sources = [...new Set(columns.map(({ source }) => source))]
  const rank = ({ source, isKey, isPseudo }: ScopeColumn) =>
    source === undefined
      ? -1
      : 3 * sources.indexOf(source) + (isKey === true ? 0 : isPseudo === true ? 1 : 2)
  return [...columns].sort((one, other) => rank(one) - rank(other))
}

function expandFields(of: Expression, context: CompileContext): NamedExpression[] {
  const { type } = compile(of, context)
  if (type?.kind !== 'STRUCT') {
    const found = type === null ? 'NULL' : showType(type)
    throw new SqlError(`->*: a STRUCT has fields, got ${found}`)
  }
  return type.fields.map(({ name }) => ({ name, expression: { kind: 'field', of, name } }))
}

/** Gives names to expressions without an alias. */
class Names {
  readonly #relation: Relation
  readonly #used: Set<string>
  #next = 0

  constructor(relation: Relation) {
    this.#relation = relation
    const columns = relation.scope.columns.filter(({ source }) => source !== undefined)
    this.#used = new Set(columns.map(({ name }) => name))
  }

  of(expression: Expression): string {
    if (expression.kind === 'column') return this.#ofColumn(expression)
    if (expression.kind === 'field') return this.#unique(expression.name)
    for (;;) {
      const name = `KSQL_COL_${this.#next++}`
      if (!this.#used.has(name)) return name
    }
  }

  /** In a join, a name that several sources have begins with its source. */
  #ofColumn({ name, source }: Extract<Expression, { kind: 'column' }>): string {
    const { scope, isJoined } = this.#relation
    const isShared = scope.columns.filter((column) => column.name === name).length > 1
    return isJoined && isShared && source !== undefined ? `${source}_${name}` : name
  }

  #unique(name: string): string {
    let unique = name
    for (let number = 1; this.#used.has(unique); number++) unique = `${name}_${number}`
    this.#used.add(unique)
    return unique
  }
}
