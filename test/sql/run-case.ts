/** Runs a case: all statements, and then each query over its inputs, one after the other. */

import { testDriver } from '../../client/streams/test-driver.ts'
import {
  type CatalogState,
  EMPTY_CATALOG,
  type QueryDefinition,
} from '../../src/core/sql/catalog/catalog-state.ts'
import type { Source } from '../../src/core/sql/catalog/source.ts'
import type { FormatDefaults } from '../../src/core/sql/catalog/with-properties.ts'
import { EvaluationError, SqlError } from '../../src/core/sql/errors.ts'
import { WHOLE_LANGUAGE } from '../../src/core/sql/expressions/whole-language.ts'
import { planDefinition } from '../../src/core/sql/plan/plan-definition.ts'
import { execute, isChange } from '../../src/core/sql/statements/execute.ts'
import { parseStatement } from '../../src/core/sql/syntax/parse-statement.ts'
import { splitStatements } from '../../src/core/sql/syntax/statement-text.ts'
import { equalTypes, showType } from '../../src/core/sql/types/sql-type.ts'
import { bytes } from '../../src/core/streams/serde.ts'
import { type BytesRecord, difference, inputBytes } from './case-records.ts'
import type { CaseSource, SqlCase } from './sql-case.ts'

const ENVIRONMENT = { nowMs: Date.now, random: () => 0.5, ...WHOLE_LANGUAGE }

/** The result of a case; `error` is the first thing that is wrong. */
export type CaseResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly error: string }

export function runCase(one: SqlCase): CaseResult {
  const expected = one.expectedException
  let error: string | undefined
  try {
    error = new CaseRun(one).run()
  } catch (thrown) {
    if (expected === null)
      return { kind: 'failed', error: `threw: ${(thrown as Error).stack ?? thrown}`.slice(0, 600) }
    const isRefused = thrown instanceof SqlError
    if (isRefused) return { kind: 'passed' }
    return {
      kind: 'failed',
      error: `threw, and not a SqlError: ${(thrown as Error).stack}`.slice(0, 600),
    }
  }
  if (expected !== null)
    return { kind: 'failed', error: `was not refused: ${expected.message ?? ''}` }
  return error === undefined ? { kind: 'passed' } : { kind: 'failed', error }
}

class CaseRun {
  readonly #case: SqlCase
  readonly #written = new Map<string, BytesRecord[]>()
  readonly #started: QueryDefinition[] = []
  #state: CatalogState = EMPTY_CATALOG

  constructor(one: SqlCase) {
    this.#case = one
  }

  run(): string | undefined {
    for (const text of this.#case.statements) this.#execute(text)
    for (const query of this.#started) this.#runQuery(query)
    return this.#compare() ?? this.#compareSources()
  }

  #execute(text: string): void {
    const defaults = this.#defaults()
    for (const one of splitStatements(text)) {
      const statement = parseStatement(one, (name) => this.#state.types[name])
      if (!isChange(statement)) throw new SqlError(`${statement.kind}: is no statement of a case`)
      const outcome = execute(this.#state, statement, one.text, {
        environment: ENVIRONMENT,
        defaults,
      })
      this.#state = outcome.state
      for (const effect of outcome.effects) {
        if (effect.kind === 'start') this.#started.push(effect.query)
        if (effect.kind === 'replace') {
          const index = this.#started.findIndex(({ id }) => id === effect.query.id)
          this.#started[index] = effect.query
        }
        if (effect.kind === 'stop') {
          const index = this.#started.findIndex(({ id }) => id === effect.id)
          if (index >= 0) this.#started.splice(index, 1)
        }
        if (effect.kind === 'produce') this.#append(effect.record.topic, effect.record)
      }
    }
  }

  #defaults(): FormatDefaults {
    const { properties } = this.#case
    const key = properties['ksql.persistence.default.format.key']
    const value = properties['ksql.persistence.default.format.value']
    const wraps = properties['ksql.persistence.wrap.single.values']
    const count = (name: string) => {
      const given = properties[name]
      return given === undefined ? {} : Number(given)
    }
    const lists = count('ksql.functions.collect_list.limit')
    const sets = count('ksql.functions.collect_set.limit')
    return {
      ...(typeof lists === 'number' ? { collectListMax: lists } : {}),
      ...(typeof sets === 'number' ? { collectSetMax: sets } : {}),
      ...(wraps === false || wraps === 'false' ? { wrapsSingleValues: false } : {}),
      ...(typeof key === 'string' ? { key } : {}),
      ...(typeof value === 'string' ? { value } : {}),
    }
  }

  #append(topic: string, record: BytesRecord): void {
    this.#written.set(topic, [...(this.#written.get(topic) ?? []), record])
  }

  #runQuery(query: QueryDefinition): void {
    const plan = planDefinition(query, ENVIRONMENT)
    const driver = testDriver(plan.topology, { nowMs: 0 })
    const topics = new Set(
      plan.topology.nodes.flatMap((node) => (node.kind === 'source' ? node.topics : [])),
    )
    const { inputs } = this.#case
    const given = inputs.filter(({ topic }) => topics.has(topic))
    const raw = { key: bytes, value: bytes }
    for (const record of given) {
      const source = this.#sourceOf(record.topic, query)
      driver.input(record.topic, raw).pipe(inputBytes(record, source) as never)
    }
    for (const topic of topics) {
      if (given.some((record) => record.topic === topic)) continue
      for (const record of this.#written.get(topic) ?? [])
        driver.input(topic, raw).pipe(record as never)
    }
    for (const record of driver.output(plan.sink.topic, raw).drain()) {
      this.#append(plan.sink.topic, record as BytesRecord)
    }
  }

  #sourceOf(topic: string, query: QueryDefinition): Source {
    return (query.sources.find((source) => source.topic === topic) ??
      Object.values(this.#state.sources).find((source) => source.topic === topic)) as Source
  }

  #compare(): string | undefined {
    const { outputs } = this.#case
    for (const topic of new Set(outputs.map((record) => record.topic))) {
      const expected = outputs.filter((record) => record.topic === topic)
      const actual = this.#written.get(topic) ?? []
      const source = Object.values(this.#state.sources).find((one) => one.topic === topic)
      if (source === undefined) return `no source has the topic ${topic}`
      for (const [index, record] of expected.entries()) {
        const found = actual[index]
        if (found === undefined)
          return `${topic}: ${actual.length} records, expected ${expected.length}`
        let wrong: string | undefined
        try {
          wrong = difference(record, found, source)
        } catch (error) {
          if (!(error instanceof EvaluationError)) throw error
          wrong = error.message
        }
        if (wrong !== undefined) return `${topic}, record ${index}: ${wrong}`
      }
      if (actual.length > expected.length)
        return `${topic}: ${actual.length} records, expected ${expected.length}`
    }
    return undefined
  }

  #compareSources(): string | undefined {
    for (const expected of this.#case.post?.sources ?? []) {
      const source = this.#state.sources[expected.name]
      if (source === undefined) return `source ${expected.name} does not exist`
      const wrong = sourceDifference(expected, source)
      if (wrong !== undefined) return `source ${expected.name}: ${wrong}`
    }
    return undefined
  }
}

function sourceDifference(expected: CaseSource, source: Source): string | undefined {
  if (expected.type.toUpperCase() !== source.kind) return `is a ${source.kind}`
  const formats = [
    ['key format', expected.keyFormat, source.keyFormat.name],
    ['value format', expected.valueFormat, source.valueFormat.name],
  ] as const
  for (const [what, wanted, found] of formats) {
    const name = typeof wanted === 'object' ? wanted.format : wanted
    if (name !== undefined && name.toUpperCase() !== found)
      return `${what} is ${found}, expected ${name}`
  }
  if (expected.schema === undefined) return undefined
  const key = source.kind === 'TABLE' ? ' PRIMARY KEY' : ' KEY'
  const schema = expected.schema.replaceAll(/ (PRIMARY )?KEY(?=,|$)/g, key)
  const [text] = splitStatements(`CREATE ${source.kind} X (${schema}) WITH (KAFKA_TOPIC='x');`)
  const statement = text && parseStatement(text)
  if (statement?.kind !== 'create-source') return `cannot read the schema ${expected.schema}`
  const shown = source.columns.map(
    ({ name, type, part }) => `${name} ${showType(type)}${part === 'key' ? ' KEY' : ''}`,
  )
  const isSame =
    statement.columns.length === source.columns.length &&
    statement.columns.every(({ name, type, role }, index) => {
      const column = source.columns[index]
      const isKey = role === 'KEY' || role === 'PRIMARY KEY'
      return (
        column !== undefined &&
        column.name === name &&
        equalTypes(column.type, type) &&
        isKey === (column.part === 'key')
      )
    })
  return isSame ? undefined : `schema ${shown.join(', ')}, expected ${expected.schema}`
}
