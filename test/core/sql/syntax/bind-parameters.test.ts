/** Question: do parameters become literals, and nothing else? */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindParameters } from '../../../../src/core/sql/syntax/bind-parameters.ts'
import { parseStatement } from '../../../../src/core/sql/syntax/parse-statement.ts'
import { splitStatements } from '../../../../src/core/sql/syntax/statement-text.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

type Parameter = string | number | boolean | null

function bound(text: string, parameters: Record<string, Parameter>) {
  const [statement] = splitStatements(text)
  const tokens = bindParameters(statement as never, new Map(Object.entries(parameters)))
  return parseStatement(tokens)
}

describe('parameters', () => {
  test('stand for the literal that has their value', () => {
    const given = bound('INSERT INTO s VALUES (:a, :b, :c, :d, :e, :f);', {
      ...{ a: "it's", b: -1, c: 1.5, d: true, e: null, f: 1e21 },
    })
    const written = bound("INSERT INTO s VALUES ('it''s', -1, 1.5, TRUE, NULL, 1e21);", {})
    expect(given).toEqual(written)
  })

  test('keep every text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(bound('INSERT INTO s VALUES (:x);', { x: text })).toMatchObject({
          values: [{ kind: 'literal', value: text }],
        })
      }),
      { ...SEEDED, numRuns: runs(500) },
    )
  })

  test('are not looked for in texts, and not where a colon stands alone', () => {
    expect(bound("INSERT INTO s VALUES (':x');", {})).toMatchObject({ values: [{ value: ':x' }] })
    expect(() => bound('INSERT INTO s VALUES (: x);', { x: 1 })).toThrow(/1:23/)
  })

  test('refuse a name that is not given', () => {
    expect(() => bound('INSERT INTO s VALUES (:page);', { pages: 1 })).toThrow(
      'parameter :page: is not given. Did you mean :pages?',
    )
  })
})
