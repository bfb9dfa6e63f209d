/** Decides about types, about sources that are dropped or altered, and about queries that run. */

import {
  type CatalogQuery,
  type CatalogState,
  queriesOf,
  rowOf,
  sourceNamed,
} from '../catalog/catalog-state.ts'
import { checkColumns, checkFormats, sourceColumn } from '../catalog/define-source.ts'
import { SqlError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import type { Statement } from '../syntax/ast.ts'
import { quoteName } from '../types/sql-type.ts'
import { type Outcome, shown, withSource } from './outcome.ts'

export function createType(
  state: CatalogState,
  { name, type, ifNotExists }: Extract<Statement, { kind: 'create-type' }>,
): Outcome {
  if (Object.hasOwn(state.types, name)) {
    const message = `Cannot register custom type ${quoteName(name)} since it is already registered with a type`
    if (ifNotExists) return { state, effects: [], message }
    throw new SqlError(message)
  }
  return {
    state: { ...state, sequence: state.sequence + 1, types: { ...state.types, [name]: type } },
    effects: [],
    message: `Registered custom type with name '${name}'`,
  }
}

export function dropType(
  state: CatalogState,
  { name, ifExists }: Extract<Statement, { kind: 'drop-type' }>,
): Outcome {
  const { [name]: _, ...types } = state.types
  if (rowOf(state.types, name) === undefined) {
    if (ifExists) return { state, effects: [], message: `Type '${name}' does not exist` }
    const near = nearestName(name, Object.keys(types))
    throw new SqlError(
      `Type ${name} does not exist.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    )
  }
  return {
    state: { ...state, sequence: state.sequence + 1, types },
    effects: [],
    message: `Dropped type '${name}'`,
  }
}

export function dropSource(
  state: CatalogState,
  statement: Extract<Statement, { kind: 'drop-source' }>,
): Outcome {
  const { name, sourceKind, ifExists, deletesTopic } = statement
  const source = rowOf(state.sources, name)
  if (source === undefined) {
    if (ifExists) {
      return { state, effects: [], message: `Source ${quoteName(name)} does not exist.` }
    }
    sourceNamed(state, name)
    throw new SqlError(`Source ${name} does not exist.`)
  }
  if (source.kind !== sourceKind) {
    throw new SqlError(
      `Incompatible data source type is ${source.kind}, but statement was DROP ${sourceKind}`,
    )
  }
  if (source.isReadOnly === true && deletesTopic) {
    throw new SqlError(`Cannot delete topic of read-only source: ${name}`)
  }
  const { readers, writers } = queriesOf(state, name)
  const others = writers.filter(({ id }) => id !== source.queryId)
  if (readers.length > 0 || others.length > 0) {
    const list = (queries: readonly CatalogQuery[]) => queries.map(({ id }) => id).join(', ')
    throw new SqlError(
      `Cannot drop ${name}.\nThe following queries read from this source: [${list(readers)}].\nThe following queries write into this source: [${list(others)}].\nYou need to terminate them before dropping ${name}.`,
    )
  }
  const { [name]: _, ...sources } = state.sources
  const id = source.queryId
  const own = rowOf(state.queries, id ?? '')
  const { [id ?? '']: __, ...queries } = state.queries
  return {
    state: { ...state, sequence: state.sequence + 1, sources, queries },
    effects: [
      ...(own === undefined ? [] : [{ kind: 'stop' as const, id: own.id }]),
      ...(deletesTopic ? [{ kind: 'delete-topic' as const, name: source.topic }] : []),
    ],
    message: `Source ${quoteName(name)} (topic: ${source.topic}) was dropped.`,
  }
}

export function alterSource(
  state: CatalogState,
  { name, sourceKind, columns }: Extract<Statement, { kind: 'alter-source' }>,
): Outcome {
  const source = sourceNamed(state, name)
  if (source.kind !== sourceKind) {
    throw new SqlError(
      `Incompatible data source type is ${source.kind}, but statement was ALTER ${sourceKind}`,
    )
  }
  if (source.queryId !== undefined) {
    throw new SqlError(`ALTER command is not supported for CREATE ... AS statements.`)
  }
  if (source.isReadOnly === true) {
    throw new SqlError(
      `Cannot alter ${sourceKind.toLowerCase()} '${name}': ALTER operations are not supported on source ${sourceKind.toLowerCase()}s.`,
    )
  }
  const taken = columns.find((column) => source.columns.some((one) => one.name === column.name))
  if (taken !== undefined) {
    throw new SqlError(
      `Cannot add column ${quoteName(taken.name)} to schema. A column with the same name already exists.`,
    )
  }
  const added = columns.map((column) => sourceColumn(column, sourceKind))
  const altered = { ...source, columns: [...source.columns, ...added] }
  checkColumns(altered.columns)
  checkFormats(altered)
  return {
    state: withSource(state, altered),
    effects: [],
    message: `${shown(sourceKind)} ${quoteName(name)} altered successfully.`,
  }
}

export function changeQueries(
  state: CatalogState,
  { kind, id }: Extract<Statement, { kind: 'terminate' | 'pause' | 'resume' }>,
): Outcome {
  const ids = id === undefined ? Object.keys(state.queries) : [id]
  for (const one of ids) {
    if (Object.hasOwn(state.queries, one)) continue
    const near = nearestName(one, Object.keys(state.queries))
    throw new SqlError(
      `Unknown queryId: ${one}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    )
  }
  const queries = Object.fromEntries(
    Object.entries(state.queries).flatMap(([name, query]) => {
      if (!ids.includes(name)) return [[name, query]]
      return kind === 'terminate' ? [] : [[name, { ...query, isPaused: kind === 'pause' }]]
    }),
  )
  const effectKind = kind === 'terminate' ? 'stop' : kind
  return {
    state: { ...state, sequence: state.sequence + 1, queries },
    effects: ids.map((one) => ({ kind: effectKind, id: one })),
    message: `Query ${kind}${kind === 'resume' || kind === 'pause' ? 'd' : 'd'}.`,
  }
}
