/** The columns that an expression may name. */
import { SqlError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import type { ColumnReference } from '../syntax/ast.ts'
import type { SqlType } from '../types/sql-type.ts'

export interface ScopeColumn {
  /** Alias of the source that has it; undefined for one that was computed. */
  readonly source?: string
  readonly name: string
  readonly type: SqlType
  /** True for ROWTIME and its like: they are not part of `*`. */
  readonly isPseudo?: boolean
  /** True for a column of the key of its source. */
  readonly isKey?: boolean
}

export interface FoundColumn {
  readonly index: number
  readonly column: ScopeColumn
}

/** Columns in the order of the values of a row. */
export class Scope {
  readonly columns: readonly ScopeColumn[]
  readonly #byName = new Map<string, FoundColumn[]>()

  constructor(columns: readonly ScopeColumn[]) {
    this.columns = columns
    for (const [index, column] of columns.entries()) {
      const same = this.#byName.get(column.name) ?? []
      this.#byName.set(column.name, [...same, { index, column }])
    }
  }

  has({ source, name }: Pick<ColumnReference, 'source' | 'name'>): boolean {
    return this.#matches(source, name).length > 0
  }

  /**
   * Returns the column that a name stands for.
   *
   * @param clause Where the name stands, such as `SELECT`, for the error.
   * @throws {SqlError} if there is none, or more than one.
   */
  find(reference: ColumnReference, clause: string): FoundColumn {
    const { source, name, at } = reference
    const place = `line ${at.line}:${at.column}: `
    const [found, other] = this.#matches(source, name)
    const shown = source === undefined ? name : `${source}.${name}`
    if (found === undefined) {
      const near = nearestName(name, this.#byName.keys())
      const hint = near === undefined || near === name ? '' : ` Did you mean ${near}?`
      throw new SqlError(`${place}${clause} column '${shown}' cannot be resolved.${hint}`, at)
    }
    if (other === undefined) return found
    const names = this.#matches(source, name).map(({ column }) => `${column.source}.${name}`)
    const could = names.sort().join(' or ')
    throw new SqlError(`${place}Column '${shown}' is ambiguous. Could be ${could}.`, at)
  }

  #matches(source: string | undefined, name: string): FoundColumn[] {
    const named = this.#byName.get(name) ?? []
    return source === undefined ? named : named.filter(({ column }) => column.source === source)
  }
}
