/** Question: in which order are effects carried out, when some fail? */
import { describe, expect, test } from 'vitest'
import type { CatalogEffect, PendingEffect } from '../../../../src/core/sql/catalog/catalog-api.ts'
import { type CatalogState, EMPTY_CATALOG } from '../../../../src/core/sql/catalog/catalog-state.ts'
import { changesBetween } from '../../../../src/core/sql/catalog/changes.ts'
import {
  isSuperseded,
  nextEffect,
  targetsOf,
} from '../../../../src/core/sql/catalog/pending-effects.ts'
import { WHOLE_LANGUAGE } from '../../../../src/core/sql/expressions/whole-language.ts'
import { applicationNameOf } from '../../../../src/core/sql/plan/application-name.ts'
import { execute } from '../../../../src/core/sql/statements/execute.ts'
import { parseStatement } from '../../../../src/core/sql/syntax/parse-statement.ts'
import { splitStatements } from '../../../../src/core/sql/syntax/statement-text.ts'

const ENVIRONMENT = { nowMs: () => 0, random: () => 0.5, ...WHOLE_LANGUAGE }

function catalogOf(text: string, before: CatalogState = EMPTY_CATALOG): CatalogState {
  return splitStatements(text).reduce((state, one) => {
    const statement = parseStatement(one, (name) => state.types[name])
    const context = { environment: ENVIRONMENT, defaults: {} }
    return execute(state, statement as never, one.text, context).state
  }, before)
}

const CLICKS =
  "CREATE STREAM clicks (page STRING) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');"
const { queries } = catalogOf(`${CLICKS} CREATE STREAM copy AS SELECT * FROM clicks;`)

const topic = (name: string): CatalogEffect => {
  return { kind: 'create-topic', name, partitions: 1, overrides: {} }
}
const deploy: CatalogEffect = { kind: 'deploy', id: 'CSAS_COPY_1', from: 'latest' }

function pending(...effects: [number, CatalogEffect][]): PendingEffect[] {
  return effects.map(([sequence, effect], index) => ({ number: index + 1, sequence, effect }))
}

/** Returns the numbers of the effects that one pass carries out, when those on some targets fail. */
function pass(all: readonly PendingEffect[], failing: readonly string[]): number[] {
  const failed = new Set<string>()
  const done: number[] = []
  let left = all
  for (;;) {
    const next = nextEffect(left, queries, failed)
    if (next === undefined) return done
    const targets = targetsOf(next, queries)
    if (targets.some((target) => failing.includes(target))) {
      for (const target of targets) failed.add(target)
      continue
    }
    done.push(next.number)
    left = left.filter(({ number }) => number !== next.number)
  }
}

describe('a pass over pending effects', () => {
  const all = pending([1, topic('clicks')], [2, topic('COPY')], [2, deploy], [3, topic('other')])

  test('carries all out in their order', () => {
    expect(pass(all, [])).toEqual([1, 2, 3, 4])
  })

  test('keeps a query waiting for the topics that it reads and writes', () => {
    expect(pass(all, ['topic clicks'])).toEqual([2, 4])
    expect(pass(all, ['topic COPY'])).toEqual([1, 4])
  })

  test('keeps a later effect on the same thing waiting', () => {
    const renewed = pending([1, topic('a')], [2, { kind: 'delete-topic', name: 'a' }])
    expect(pass(renewed, ['statement 1'])).toEqual([])
  })

  test('leaves out what a later statement undoes', () => {
    const stop: CatalogEffect = { kind: 'stop', id: 'CSAS_COPY_1' }
    expect(isSuperseded(deploy, stop)).toBe(true)
    expect(isSuperseded({ kind: 'pause', id: 'CSAS_COPY_1' }, stop)).toBe(true)
    expect(isSuperseded({ kind: 'pause', id: 'OTHER' }, stop)).toBe(false)
    expect(isSuperseded(topic('a'), { kind: 'delete-topic', name: 'a' })).toBe(true)
    expect(isSuperseded(topic('a'), { kind: 'delete-topic', name: 'b' })).toBe(false)
    expect(isSuperseded(topic('a'), deploy)).toBe(false)
  })
})

describe('the changes of a statement', () => {
  test('are the rows that it made, replaced and removed', () => {
    const before = catalogOf(`${CLICKS} CREATE TYPE t AS INT; CREATE TYPE u AS INT;`)
    const made = catalogOf('CREATE STREAM copy AS SELECT * FROM clicks; DROP TYPE t;', before)
    const changes = changesBetween(before, made)
    expect(Object.keys(changes.sources)).toEqual(['COPY'])
    expect(changes.types).toEqual({ T: null })
    expect(Object.keys(changes.queries)).toEqual(['CSAS_COPY_3'])
  })
})

describe('the application of a query', () => {
  test('has the id of the query in its name', () => {
    expect(applicationNameOf('CTAS_PAGES_1')).toBe('sql-CTAS_PAGES_1')
  })

  test('has a name of its own that is allowed, whatever the id is', () => {
    const ids = [
      'CSAS_a b_1',
      'CSAS_a.b_1',
      'CSAS_a_b_1',
      `X${'x'.repeat(300)}`,
      `Y${'x'.repeat(300)}`,
      'ü',
    ]
    const names = ids.map(applicationNameOf)
    expect(new Set(names).size).toBe(ids.length)
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9._-]{1,100}$/)
  })
})
