import { describe, expect, it } from 'vitest'
import { type Argument, matchVariant } from '../../../../src/core/sql/functions/match-variant.ts'
import { nearestName } from '../../../../src/core/sql/nearest-name.ts'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  decimalOf,
  INTEGER,
  mapOf,
  type SqlType,
  STRING,
  showType,
} from '../../../../src/core/sql/types/sql-type.ts'

function match(signatures: readonly string[], ...given: Argument[]) {
  const variants = signatures.map((signature) => ({ signature }))
  const found = matchVariant({ name: 'F', variants }, given)
  return {
    signature: found.variant.signature,
    parameters: found.parameters.map((type) => (type === null ? null : showType(type))),
    returns: showType(found.returnType()),
  }
}

const NUMERIC = ['(INTEGER) -> INTEGER', '(BIGINT) -> BIGINT', '(DOUBLE) -> DOUBLE']

describe('matchVariant', () => {
  it('takes the variant with exactly the types', () => {
    expect(match(NUMERIC, BIGINT).returns).toBe('BIGINT')
    expect(
      match(['(INTEGER, STRING) -> STRING', '(BIGINT, STRING) -> STRING'], INTEGER, STRING),
    ).toEqual({
      signature: '(INTEGER, STRING) -> STRING',
      parameters: ['INTEGER', 'STRING'],
      returns: 'STRING',
    })
  })

  it('widens numbers, and reads texts as times', () => {
    expect(match(['(DOUBLE, DOUBLE) -> DOUBLE'], decimalOf(3, 1), INTEGER).parameters).toEqual([
      'DOUBLE',
      'DOUBLE',
    ])
    expect(match(['(DATE...) -> DATE'], DATE, null, STRING).parameters).toEqual([
      'DATE',
      'DATE',
      'DATE',
    ])
  })

  it('refuses what no variant accepts, and shows the variants', () => {
    expect(() => match(NUMERIC, STRING)).toThrow(
      "Function 'F' does not accept parameters (STRING).\nValid alternatives are:\nF(INTEGER)\nF(BIGINT)\nF(DOUBLE)",
    )
    expect(() => match(NUMERIC)).toThrow('does not accept parameters ()')
    expect(() => match(['(INTERVALUNIT, INTEGER) -> INTEGER'], DATE, INTEGER)).toThrow(
      '(DATE, INTEGER)',
    )
  })

  it('refuses what two variants accept equally well', () => {
    const variants = ['(BIGINT, BIGINT...) -> BIGINT', '(DOUBLE, DOUBLE...) -> DOUBLE']
    expect(() => match(variants, INTEGER, BIGINT)).toThrow('ambiguous method parameters')
    expect(() => match(NUMERIC, null)).toThrow('ambiguous method parameters (null)')
  })

  it('prefers a variant without a variable number, then more parameters, then fewer variables', () => {
    const variants = [
      '(STRING...) -> STRING',
      '(STRING, STRING...) -> STRING',
      '(STRING, T) -> STRING',
      '(STRING, STRING) -> STRING',
    ]
    const chosen = (count: number) => match(variants.slice(0, count), STRING, STRING).signature
    expect([2, 3, 4].map(chosen)).toEqual(variants.slice(1))
  })

  it('repeats a parameter in the middle', () => {
    const variants = ['(T, ANY..., INTEGER) -> ARRAY<T>']
    expect(match(variants, STRING, INTEGER).parameters).toEqual(['STRING', 'INTEGER'])
    expect(match(variants, STRING, DOUBLE, BOOLEAN, INTEGER)).toEqual({
      signature: variants[0],
      parameters: ['STRING', 'DOUBLE', 'BOOLEAN', 'INTEGER'],
      returns: 'ARRAY<STRING>',
    })
  })

  it('gives a type variable one type, and widens numbers to it', () => {
    expect(match(['(T, T...) -> T'], null, BIGINT, INTEGER)).toMatchObject({
      parameters: ['BIGINT', 'BIGINT', 'BIGINT'],
      returns: 'BIGINT',
    })
    expect(match(['(T, T) -> T'], INTEGER, BIGINT).returns).toBe('BIGINT')
    expect(match(['(ARRAY<T>, T) -> BOOLEAN'], arrayOf(BIGINT), INTEGER).parameters).toEqual([
      'ARRAY<BIGINT>',
      'BIGINT',
    ])
    expect(() => match(['(ARRAY<T>, T) -> T'], arrayOf(INTEGER), BIGINT)).toThrow('does not accept')
    expect(() => match(['(T, T) -> T'], INTEGER, STRING)).toThrow('does not accept')
    expect(() => match(['(T, T) -> T'], null, null)).toThrow('NULL has no type')
  })

  it('types lambdas by the other arguments, and the result by the lambdas', () => {
    const seen: (readonly SqlType[])[] = []
    const lambda = (lambdaParameters: number, result: SqlType | null): Argument => ({
      lambdaParameters,
      typeOf: (parameters) => {
        seen.push(parameters)
        return result
      },
    })
    const transform = [
      '(ARRAY<T>, LAMBDA(T) -> U) -> ARRAY<U>',
      '(MAP<K, V>, LAMBDA(K, V) -> T, LAMBDA(K, V) -> U) -> MAP<T, U>',
    ]
    expect(match(transform, arrayOf(INTEGER), lambda(1, STRING)).returns).toBe('ARRAY<STRING>')
    expect(
      match(transform, mapOf(STRING, INTEGER), lambda(2, STRING), lambda(2, DOUBLE)).returns,
    ).toBe('MAP<STRING, DOUBLE>')
    expect(seen).toEqual([[INTEGER], [STRING, INTEGER], [STRING, INTEGER]])
    const reduce = ['(ARRAY<T>, S, LAMBDA(S, T) -> S) -> S']
    expect(match(reduce, arrayOf(STRING), BIGINT, lambda(2, INTEGER)).parameters[2]).toBe('BIGINT')
    expect(() => match(reduce, arrayOf(STRING), BIGINT, lambda(2, STRING))).toThrow('LAMBDA')
    expect(() => match(transform, arrayOf(INTEGER), lambda(2, STRING))).toThrow('LAMBDA')
  })
})

describe('nearestName', () => {
  it('finds the known name that differs least', () => {
    const names = ['SUBSTRING', 'CONCAT', 'COUNT', 'ABS']
    expect(
      ['substirng', 'CNOUT', 'CONCATT', 'AB', 'UNRELATED'].map((name) => nearestName(name, names)),
    ).toEqual(['SUBSTRING', 'COUNT', 'CONCAT', 'ABS', undefined])
  })
})
