/** Generates statements, as the parser would return them. */
import fc from 'fast-check'
import type {
  Expression,
  Properties,
  Query,
  SelectItem,
  SourceReference,
  Statement,
} from '../../../../src/core/sql/syntax/ast.ts'
import { Decimal } from '../../../../src/core/sql/types/decimal.ts'
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
  structOf,
} from '../../../../src/core/sql/types/sql-type.ts'

const at = { line: 1, column: 1 }

const name = fc.oneof(
  fc.constantFrom('A', 'ID', 'VALUE', 'KEY', 'lower', 'with space', 'SELECT', 'a`b', 'Ü', '1R'),
  fc.string({ minLength: 1, maxLength: 8 }),
)
const source = fc.record({ name, alias: name }).map((one): SourceReference => ({ ...one, at }))

const type: fc.Arbitrary<SqlType> = fc.letrec<{ type: SqlType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom<SqlType>(BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, DATE, decimalOf(6, 2)),
    tie('type').map(arrayOf),
    fc.tuple(tie('type'), tie('type')).map(([key, value]) => mapOf(key, value)),
    fc
      .uniqueArray(fc.record({ name, type: tie('type') }), { selector: (one) => one.name })
      .map(structOf),
  ),
})).type

const literal = fc.oneof(
  fc.constant<Expression>({ kind: 'literal', value: null, type: null }),
  fc.boolean().map((value) => ({ kind: 'literal', value, type: BOOLEAN })),
  fc.string().map((value) => ({ kind: 'literal', value, type: STRING })),
  fc.integer().map((value) => ({ kind: 'literal', value, type: INTEGER })),
  fc
    .maxSafeInteger()
    .filter((value) => value !== (value | 0))
    .map((value) => ({ kind: 'literal', value, type: BIGINT })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => ({ kind: 'literal', value, type: DOUBLE })),
  fc
    .tuple(fc.integer(), fc.integer({ min: 1, max: 9 }))
    .map(([digits, scale]) => new Decimal(BigInt(digits), scale))
    .map((value) => ({
      kind: 'literal',
      value,
      type: decimalOf(Math.max(value.precision, value.scale), value.scale),
    })),
) as fc.Arbitrary<Expression>

const expression: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => {
  const any = tie('any')
  const isNot = fc.boolean()
  const sides = { left: any, right: any }
  const kind = <Kind extends string>(one: Kind) => fc.constant(one)
  return {
    any: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      literal,
      fc.record({ kind: kind('column'), name, at: fc.constant(at) }),
      fc.record({ kind: kind('column'), source: name, name, at: fc.constant(at) }),
      fc.record({
        kind: kind('call'),
        name: fc.constantFrom('LEN', 'COUNT', 'concat x'),
        parameters: fc.array(any, { minLength: 1, maxLength: 3 }),
        at: fc.constant(at),
      }),
      fc.record({
        kind: kind('arithmetic'),
        operator: fc.constantFrom('+', '-', '*', '/', '%'),
        ...sides,
      }),
      fc.record({
        kind: kind('comparison'),
        operator: fc.constantFrom('=', '<>', '<', '<=', '>', '>='),
        ...sides,
      }),
      fc.record({ kind: kind('distinct'), ...sides, isNot }),
      fc.record({ kind: fc.constantFrom('and', 'or'), ...sides }),
      fc.record({ kind: kind('not'), of: any }),
      fc.record({
        kind: kind('negate'),
        of: fc.record({ kind: kind('column'), name, at: fc.constant(at) }),
      }),
      fc.record({ kind: kind('is-null'), of: any, isNot }),
      fc.record({ kind: kind('between'), of: any, low: any, high: any, isNot }),
      fc.record({
        kind: kind('in'),
        of: any,
        list: fc.array(any, { minLength: 1, maxLength: 3 }),
        isNot,
      }),
      fc.record({ kind: kind('like'), of: any, pattern: literal, isNot }),
      fc.record({ kind: kind('cast'), of: any, type }),
      fc.record({ kind: kind('field'), of: any, name }),
      fc.record({ kind: kind('subscript'), of: any, index: any }),
      fc.record({ kind: kind('array'), elements: fc.array(any, { maxLength: 3 }) }),
      fc.record({
        kind: kind('map'),
        entries: fc.array(fc.record({ key: any, value: any }), { maxLength: 2 }),
      }),
      fc.record({
        kind: kind('struct'),
        fields: fc.array(fc.record({ name, value: any }), { maxLength: 2 }),
      }),
      fc.record({
        kind: kind('case'),
        branches: fc.array(fc.record({ when: any, result: any }), { minLength: 1, maxLength: 2 }),
        otherwise: any,
      }),
    ) as fc.Arbitrary<Expression>,
  }
}).any

const item = fc.oneof(
  fc.constant<SelectItem>({ kind: 'all' }),
  name.map((one): SelectItem => ({ kind: 'all', source: one })),
  expression.map((one): SelectItem => ({ kind: 'expression', expression: one })),
  fc
    .tuple(expression, name)
    .map(([one, alias]) => ({ kind: 'expression', expression: one, alias })),
) as fc.Arbitrary<SelectItem>

const duration = fc.record({
  amount: fc.nat(1_000),
  unit: fc.constantFrom('SECONDS' as const, 'DAYS' as const),
})

const query: fc.Arbitrary<Query> = fc.record(
  {
    kind: fc.constant('query' as const),
    select: fc.array(item, { minLength: 1, maxLength: 3 }),
    from: source,
    joins: fc.array(
      fc.record(
        {
          type: fc.constantFrom(
            'INNER' as const,
            'LEFT' as const,
            'RIGHT' as const,
            'FULL' as const,
          ),
          source,
          on: expression,
          within: fc.record({ before: duration, after: duration }),
        },
        { requiredKeys: ['type', 'source', 'on'] },
      ),
      { maxLength: 2 },
    ),
    window: fc.oneof(
      fc.record({ kind: fc.constant('TUMBLING' as const), size: duration, grace: duration }),
      fc.record({ kind: fc.constant('HOPPING' as const), size: duration, advanceBy: duration }),
      fc.record({ kind: fc.constant('SESSION' as const), size: duration }),
    ),
    where: expression,
    groupBy: fc.array(expression, { minLength: 1, maxLength: 2 }),
    having: expression,
    emit: fc.constantFrom('CHANGES' as const, 'FINAL' as const),
    limit: fc.nat(),
  },
  { requiredKeys: ['kind', 'select', 'from', 'joins'] },
) as fc.Arbitrary<Query>

const properties: fc.Arbitrary<Properties> = fc
  .array(fc.tuple(fc.constantFrom('KAFKA_TOPIC', 'VALUE_FORMAT', 'PARTITIONS'), fc.string()), {
    maxLength: 3,
  })
  .map((entries) => new Map(entries))

const sourceKind = fc.constantFrom('STREAM' as const, 'TABLE' as const)

export const statement: fc.Arbitrary<Statement> = fc.oneof(
  query,
  fc.record({
    kind: fc.constant('create-as' as const),
    ...{ sourceKind, orReplace: fc.boolean(), ifNotExists: fc.boolean(), name, properties, query },
  }),
  fc.record({
    kind: fc.constant('create-source' as const),
    ...{ sourceKind, orReplace: fc.boolean(), ifNotExists: fc.boolean(), isReadOnly: fc.boolean() },
    name,
    columns: fc.array(
      fc.record(
        {
          name,
          type,
          role: fc.constantFrom('KEY' as const, 'PRIMARY KEY' as const, 'HEADERS' as const),
        },
        { requiredKeys: ['name', 'type'] },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    properties,
  }),
  fc.record({
    kind: fc.constant('insert-values' as const),
    target: name,
    columns: fc.array(name, { maxLength: 2 }),
    values: fc.array(expression, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('insert-into' as const), target: name, properties, query }),
  fc.record({
    kind: fc.constant('drop-source' as const),
    ...{ sourceKind, name, ifExists: fc.boolean(), deletesTopic: fc.boolean() },
  }),
  fc.record({ kind: fc.constant('create-type' as const), name, type, ifNotExists: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('terminate' as const, 'pause' as const), id: name }),
) as fc.Arbitrary<Statement>
