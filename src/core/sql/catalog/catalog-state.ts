/** Everything that the catalog knows, as data. */
import { SqlError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Source } from './source.ts'
import type { FormatDefaults } from './with-properties.ts'

/** Everything that is needed to plan a query again. */
export interface QueryDefinition {
  readonly id: string
  /** The statement with its types resolved. */
  readonly statement: string
  /** The sources that it reads, and its sink, as they were. */
  readonly sources: readonly Source[]
  readonly sink: string
  readonly defaults: FormatDefaults
}

export interface CatalogQuery extends QueryDefinition {
  /** The statement as it was written. */
  readonly text: string
  readonly reads: readonly string[]
  readonly isPaused: boolean
}

export interface CatalogState {
  /** Number of statements that changed it. */
  readonly sequence: number
  readonly sources: Readonly<Record<string, Source>>
  readonly types: Readonly<Record<string, SqlType>>
  readonly queries: Readonly<Record<string, CatalogQuery>>
}

export const EMPTY_CATALOG: CatalogState = { sequence: 0, sources: {}, types: {}, queries: {} }

/** Returns the row of a name; undefined for the names that every object of JavaScript has, such as `constructor`. */
export function rowOf<Row>(rows: Readonly<Record<string, Row>>, name: string): Row | undefined {
  return Object.hasOwn(rows, name) ? rows[name] : undefined
}

/** @throws {SqlError} if there is no such source. */
export function sourceNamed({ sources }: CatalogState, name: string): Source {
  const source = rowOf(sources, name)
  if (source !== undefined) return source
  const near = nearestName(name, Object.keys(sources))
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new SqlError(`${name} does not exist.${hint}`)
}

/** Returns the queries that read a source, and those that write it. */
export function queriesOf({ queries }: CatalogState, name: string) {
  const all = Object.values(queries)
  return {
    readers: all.filter(({ reads }) => reads.includes(name)),
    writers: all.filter(({ sink }) => sink === name),
  }
}
