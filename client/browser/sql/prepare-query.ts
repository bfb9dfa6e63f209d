/** Parses and plans the queries of a page. It loads what a statement names, and most do not. */
import { defineSource } from '../../../src/core/sql/catalog/define-source.ts'
import type { Source } from '../../../src/core/sql/catalog/source.ts'
import { SqlError } from '../../../src/core/sql/errors.ts'
import type { Language } from '../../../src/core/sql/expressions/compile-context.ts'
import { nearestName } from '../../../src/core/sql/nearest-name.ts'
import { planSelect, type SelectPlan } from '../../../src/core/sql/query/select-plan.ts'
import { rowSelector } from '../../../src/core/sql/query/select-row.ts'
import type { Expression, Query } from '../../../src/core/sql/syntax/ast.ts'
import { bindParameters } from '../../../src/core/sql/syntax/bind-parameters.ts'
import { STATEMENT_WORDS } from '../../../src/core/sql/syntax/keywords.ts'
import { substituteVariables } from '../../../src/core/sql/syntax/lexer.ts'
import { type CreateStatement, parseCreate } from '../../../src/core/sql/syntax/parse-create.ts'
import { parseQuery } from '../../../src/core/sql/syntax/parse-query.ts'
import { walk } from '../../../src/core/sql/syntax/rewrite.ts'
import {
  parseWhole,
  type StatementText,
  splitStatements,
} from '../../../src/core/sql/syntax/statement-text.ts'
import type { SqlType } from '../../../src/core/sql/types/sql-type.ts'
import type { SqlRequest } from '../../sql/open-statements.ts'
import { loadCode } from './load-code.ts'

const OF_SOURCES = 'sources: CREATE STREAM, TABLE and TYPE are allowed, without AS SELECT'
const OF_QUERIES = 'one SELECT is allowed in a page; the server runs other statements'

/** The streams and tables that queries may name, and the types that expressions may. */
export interface Definitions {
  readonly sources: ReadonlyMap<string, Source>
  readonly types: ReadonlyMap<string, SqlType>
}

/** Parses the statements that define the sources of a page. @throws {SqlError} */
export function define(text: string): Definitions {
  const sources = new Map<string, Source>()
  const types = new Map<string, SqlType>()
  for (const one of splitStatements(text)) {
    const statement = parse(one, types, OF_SOURCES)
    if (statement.kind === 'create-type') types.set(statement.name, statement.type)
    else if (statement.kind === 'create-source') {
      sources.set(statement.name, defineSource(statement, one.text, {}).source)
    } else {
      throw new SqlError(OF_SOURCES)
    }
  }
  return { sources, types }
}

export interface PreparedQuery {
  readonly query: Query
  readonly source: Source
  readonly plan: SelectPlan
  readonly select: ReturnType<typeof rowSelector>
}

/** Parses and plans a query. @throws {SqlError} */
export async function prepare(
  { text, parameters, variables }: SqlRequest,
  { sources, types }: Definitions,
): Promise<PreparedQuery> {
  const given = new Map(
    Object.entries(variables ?? {}).map(([name, value]) => [name.toUpperCase(), value]),
  )
  const [one, ...others] = splitStatements(substituteVariables(text, given))
  const query =
    one && parse(bindParameters(one, new Map(Object.entries(parameters))), types, OF_QUERIES)
  if (query?.kind !== 'query' || others.length > 0) {
    throw new SqlError(OF_QUERIES)
  }
  const source = sources.get(query.from.name)
  if (source === undefined) {
    const near = nearestName(query.from.name, [...sources.keys()])
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    throw new SqlError(`${query.from.name} does not exist.${hint}`, query.from.at)
  }
  const language = await languageOf(query, source)
  const plan = planSelect(query, source, { nowMs: Date.now, random: Math.random, ...language })
  return { query, source, plan, select: rowSelector(source, plan, language) }
}

/** Parses a statement by the grammar of a page. @param allowed The error of a statement that only servers run. */
function parse(
  one: StatementText,
  types: ReadonlyMap<string, SqlType>,
  allowed: string,
): Query | CreateStatement {
  return parseWhole(
    one,
    (name) => types.get(name),
    (cursor) => {
      if (cursor.isAt('SELECT')) return parseQuery(cursor)
      if (cursor.accept('CREATE')) return parseCreate(cursor)
      cursor.expectOne(STATEMENT_WORDS)
      throw new SqlError(allowed)
    },
  )
}

/** Loads the parts of the language that a query needs. */
async function languageOf(query: Query, { timestamp }: Source): Promise<Language> {
  const names = calledBy(query)
  const [compileCall, parseTimestamp] = await Promise.all([
    names.size === 0 ? notLoaded : loadCallsOf(names),
    timestamp?.pattern === undefined ? notLoaded : loadPatterns(),
  ])
  return { compileCall, parseTimestamp }
}

async function loadCallsOf(names: ReadonlySet<string>): Promise<Language['compileCall']> {
  const { loadCalls } = await loadCode(import('./function-calls.ts'))
  return await loadCalls(names)
}

async function loadPatterns(): Promise<Language['parseTimestamp']> {
  const { parseTimestamp } = await loadCode(import('../../../src/core/sql/types/time-parse.ts'))
  return parseTimestamp
}

/** Stands in for a part that the query does not need. */
function notLoaded(): never {
  throw new Error('a part of the language is not loaded')
}

function calledBy({ select, where }: Query): ReadonlySet<string> {
  const names = new Set<string>()
  const note = (part: Expression) => {
    if (part.kind === 'call') names.add(part.name)
    return true
  }
  for (const item of select) {
    if (item.kind === 'expression') walk(item.expression, note)
    if (item.kind === 'all-fields') walk(item.of, note)
  }
  if (where !== undefined) walk(where, note)
  return names
}
