import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SqlError, SqlSyntaxError } from '../../../../src/core/sql/errors.ts'
import { NESTING_MAX, STATEMENTS_LENGTH_MAX } from '../../../../src/core/sql/limits.ts'
import type { Statement } from '../../../../src/core/sql/syntax/ast.ts'
import { substituteVariables } from '../../../../src/core/sql/syntax/lexer.ts'
import { parseStatement } from '../../../../src/core/sql/syntax/parse-statement.ts'
import { printStatement } from '../../../../src/core/sql/syntax/print.ts'
import { splitStatements } from '../../../../src/core/sql/syntax/statement-text.ts'
import { runs, SEEDED, TEST_SEED } from '../../../support/seed.ts'
import { statement } from './statement-arbitrary.ts'

function parse(text: string): Statement {
  const [first, second] = splitStatements(text)
  if (first === undefined || second !== undefined) throw new Error('expected one statement')
  return parseStatement(first)
}

/** Returns a statement without the places of its names. */
function withoutPlaces(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(withoutPlaces)
  if (Array.isArray(value)) return value.map(withoutPlaces)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'at')
      .map(([name, one]) => [name, withoutPlaces(one)]),
  )
}

function messageOf(text: string): string {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof SqlError) return error.message
    throw error
  }
  throw new Error(`was parsed: ${text}`)
}

describe('statements', () => {
  test(`are the same after they are printed and parsed (TEST_SEED=${TEST_SEED})`, () => {
    fc.assert(
      fc.property(statement, (one) => {
        expect(withoutPlaces(parse(printStatement(one)))).toEqual(withoutPlaces(one))
      }),
      { ...SEEDED, numRuns: runs(1_000) },
    )
  })

  test(`throw nothing but a SqlError when they are damaged (TEST_SEED=${TEST_SEED})`, () => {
    const damage = fc.record({
      from: fc.nat(400),
      length: fc.nat(12),
      text: fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("'", '`', '(', '->', '/*', ';')),
    })
    fc.assert(
      fc.property(statement, fc.array(damage, { minLength: 1, maxLength: 4 }), (one, damages) => {
        let text = printStatement(one)
        for (const { from, length, text: inserted } of damages) {
          const at = from % (text.length + 1)
          text = text.slice(0, at) + inserted + text.slice(at + length)
        }
        try {
          for (const part of splitStatements(text)) parseStatement(part)
        } catch (error) {
          expect(error).toBeInstanceOf(SqlError)
        }
      }),
      { ...SEEDED, numRuns: runs(2_000) },
    )
  })

  test.each([
    ['SELEC * FROM A;', 'line 1:1: Syntax Error: found SELEC;', 'Did you mean SELECT?'],
    ['SELECT * FORM A;', 'line 1:10: Syntax Error: found FORM', 'Did you mean FROM?'],
    ['SELECT A B C FROM X;', 'line 1:12: Syntax Error: found C', 'FROM'],
    ['CREATE STREAM S (A FOO) WITH (KAFKA_TOPIC=1);', 'Cannot resolve unknown type: FOO', ''],
    ["SELECT 'a FROM X;", 'line 1:8: Syntax Error: the string has no end', ''],
    ['SELECT 1 FROM X', "expected ';'", 'the end of the statement'],
    ['SELECT # FROM X;', '"#" is not part of any statement', 'line 1:8'],
    ['SELECT 9223372036854775808 FROM X;', 'Invalid numeric literal', 'line 1:8'],
    ['SELECT *\n  FROM\n X WHERE;', 'line 3:9: Syntax Error: found the end of the statement', ''],
  ])('%s is refused with its place and what may stand there', (text, message, more) => {
    expect(messageOf(text)).toContain(message)
    expect(messageOf(text)).toContain(more)
  })

  test('may be nested up to a limit', () => {
    const nested = (levels: number) => `SELECT ${'('.repeat(levels)}1${')'.repeat(levels)} FROM X;`
    expect(parse(nested(NESTING_MAX - 1)).kind).toBe('query')
    expect(messageOf(nested(1_000))).toContain(`at most ${NESTING_MAX} levels`)
    expect(messageOf(`SELECT ${'NOT '.repeat(2_000)}TRUE FROM X;`)).toContain('nested too deep')
    expect(messageOf(`SELECT ${'- '.repeat(2_000)}A FROM X;`)).toContain('nested too deep')
    const type = `${'ARRAY<'.repeat(1_000)}INT${'>'.repeat(1_000)}`
    expect(messageOf(`SELECT CAST(A AS ${type}) FROM X;`)).toContain('nested too deep')
  })

  test('may have as many characters as the limit allows', () => {
    const text = `SELECT '${'x'.repeat(STATEMENTS_LENGTH_MAX)}' FROM X;`
    expect(() => splitStatements(text)).toThrow(SqlError)
  })

  test('are split at semicolons outside of strings and comments', () => {
    const texts = splitStatements("SELECT ';' FROM A; -- b;\n/* ; */ SELECT * FROM B;;")
    expect(texts.map(({ text }) => text)).toEqual(["SELECT ';' FROM A;", 'SELECT * FROM B;'])
  })

  test('have the values of variables in place of their names', () => {
    const variables = new Map([['TOPIC', 'orders']])
    const name = (text: string) => `\u0024{${text}}`
    const text = `KAFKA_TOPIC='${name('topic')}', '$${name('topic')}'`
    expect(substituteVariables(text, variables)).toBe(`KAFKA_TOPIC='orders', '${name('topic')}'`)
    expect(() => substituteVariables(name('other'), variables)).toThrow('is not defined')
  })

  test('read names in any case unless they are quoted', () => {
    expect(parse('select Id, `Id`, "x y" from orders;')).toMatchObject({
      select: [
        { expression: { name: 'ID' } },
        { expression: { name: 'Id' } },
        { expression: { name: 'x y' } },
      ],
      from: { name: 'ORDERS' },
    })
  })

  test('are refused with an error that has a place', () => {
    try {
      parse('SELECT\n  FROM X;')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(SqlSyntaxError)
      expect((error as SqlSyntaxError).position).toEqual({ line: 2, column: 3 })
    }
  })
})
