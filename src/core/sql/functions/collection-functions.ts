/** Functions of arrays and maps. */
import { EvaluationError } from '../errors.ts'
import { compareValues, equalValues, type Identity, identityOf } from '../types/compare-values.ts'
import { doubleText } from '../types/double-text.ts'
import { arrayOf, type SqlType, STRING, structOf } from '../types/sql-type.ts'
import { type Long, longOf, type Value } from '../types/value.ts'
import { bound, nullable, scalar, variant } from './define.ts'
import type { FunctionVariant, ScalarFunction } from './function.ts'
import { checkElements, joinTexts } from './result-limits.ts'

type List = readonly Value[]
type Entries = ReadonlyMap<Value, Value>

const PRIMITIVES = ['BOOLEAN', 'INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL', 'STRING']

export const COLLECTION_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'ARRAY_CONCAT',
    'Returns the elements of both arrays.',
    nullable('(ARRAY<T>, ARRAY<T>) -> ARRAY<T>', (one: List | null, other: List | null) => {
      if (one === null || other === null) return one ?? other
      return made('ARRAY_CONCAT', [...one, ...other])
    }),
  ),
  scalar(
    'ARRAY_CONTAINS',
    'Returns whether an array has an element.',
    nullable(
      '(ARRAY<T>, T) -> BOOLEAN',
      (list: List | null, value: Value) => list?.some((each) => equalValues(each, value)) ?? false,
    ),
  ),
  scalar(
    'ARRAY_DISTINCT',
    'Returns the elements without those that are equal to an earlier one.',
    variant('(ARRAY<T>) -> ARRAY<T>', (list: List) => distinct(list)),
  ),
  scalar(
    'ARRAY_EXCEPT',
    'Returns the distinct elements that are not in the second array.',
    variant('(ARRAY<T>, ARRAY<T>) -> ARRAY<T>', (one: List, other: List) => {
      const excluded = identities(other)
      return distinct(one).filter((value) => !excluded.has(identityOf(value)))
    }),
  ),
  scalar(
    'ARRAY_INTERSECT',
    'Returns the distinct elements that are in both arrays.',
    variant('(ARRAY<T>, ARRAY<T>) -> ARRAY<T>', (one: List, other: List) => {
      const included = identities(other)
      return distinct(one).filter((value) => included.has(identityOf(value)))
    }),
  ),
  scalar(
    'ARRAY_UNION',
    'Returns the distinct elements of both arrays.',
    variant('(ARRAY<T>, ARRAY<T>) -> ARRAY<T>', (one: List, other: List) =>
      made('ARRAY_UNION', distinct([...one, ...other])),
    ),
  ),
  scalar(
    'ARRAY_REMOVE',
    'Returns the elements that are not equal to a value.',
    nullable(
      '(ARRAY<T>, T) -> ARRAY<T>',
      (list: List | null, value: Value) =>
        list?.filter((each) => !equalValues(each, value)) ?? null,
    ),
  ),
  scalar(
    'ARRAY_JOIN',
    'Returns the elements as a text, with a comma or another separator between them.',
    bound(
      '(ARRAY<T>) -> STRING',
      ([type]) =>
        (list) =>
          join(list, ',', type),
      { takesNull: true },
    ),
    bound(
      '(ARRAY<T>, STRING) -> STRING',
      ([type]) =>
        (list, separator) =>
          join(list, separator ?? '', type),
      { takesNull: true },
    ),
  ),
  scalar(
    'ARRAY_LENGTH',
    'Returns the number of elements.',
    variant('(ARRAY<T>) -> INTEGER', (list: List) => list.length),
  ),
  scalar(
    'ARRAY_MAX',
    'Returns the largest element; NULLs are left out.',
    variant('(ARRAY<T>) -> T', (list: List) => sorted(list, -1)[0] ?? null),
  ),
  scalar(
    'ARRAY_MIN',
    'Returns the smallest element; NULLs are left out.',
    variant('(ARRAY<T>) -> T', (list: List) => sorted(list, 1)[0] ?? null),
  ),
  scalar(
    'ARRAY_SORT',
    'Returns the elements in ascending order (ASC) or descending order (DESC), NULLs last.',
    variant('(ARRAY<T>) -> ARRAY<T>', (list: List) => sorted(list, 1)),
    variant('(ARRAY<T>, STRING) -> ARRAY<T>', (list: List, direction: string) => {
      if (/^asc(ending)?$/i.test(direction)) return sorted(list, 1)
      return /^desc(ending)?$/i.test(direction) ? sorted(list, -1) : null
    }),
  ),
  scalar(
    'AS_MAP',
    'Returns a map of keys and values.',
    variant(
      '(ARRAY<STRING>, ARRAY<T>) -> MAP<STRING, T>',
      (keys: List, values: List) => new Map(keys.map((key, index) => [key, values[index] ?? null])),
    ),
  ),
  scalar(
    'ENTRIES',
    'Returns the entries of a map as structs of K and V, sorted by key if wanted.',
    variant(
      '(MAP<STRING, V>, BOOLEAN) -> ARRAY<STRUCT>',
      (map: Entries, isSorted: boolean) => {
        const entries: Value[][] = [...map]
        return isSorted
          ? entries.sort((one, other) => compareValues(one[0] ?? null, other[0] ?? null))
          : entries
      },
      { returns: entryTypes },
    ),
  ),
  scalar(
    'GENERATE_SERIES',
    'Returns the whole numbers from one to another, both included.',
    ...seriesVariants(),
  ),
  scalar(
    'MAP_KEYS',
    'Returns the keys of a map.',
    variant('(MAP<K, V>) -> ARRAY<K>', (map: Entries) => [...map.keys()]),
  ),
  scalar(
    'MAP_VALUES',
    'Returns the values of a map.',
    variant('(MAP<K, V>) -> ARRAY<V>', (map: Entries) => [...map.values()]),
  ),
  scalar(
    'MAP_UNION',
    'Returns the entries of both maps; where both have a key, the value of the second.',
    nullable(
      '(MAP<K, V>, MAP<K, V>) -> MAP<K, V>',
      (one: Entries | null, other: Entries | null) => {
        if (one === null || other === null) return one ?? other
        const union = new Map([...one, ...other])
        checkElements('MAP_UNION', union.size)
        return union
      },
    ),
  ),
  scalar(
    'SLICE',
    'Returns the elements from a position to another, both included; the first has position 1.',
    nullable(
      '(ARRAY<T>, INTEGER, INTEGER) -> ARRAY<T>',
      (list: List | null, from: number | null, to: number | null) => {
        const start = (from ?? 1) - 1
        const end = to ?? list?.length ?? 0
        if (list === null || start < 0 || end > list.length || start > end) return null
        return list.slice(start, end)
      },
    ),
  ),
]

function made(name: string, list: List): List {
  checkElements(name, list.length)
  return list
}

function identities(list: List): Set<Identity> {
  return new Set(list.map(identityOf))
}

function distinct(list: List): Value[] {
  const seen = new Set<Identity>()
  return list.filter((value) => {
    const identity = identityOf(value)
    const isNew = !seen.has(identity)
    seen.add(identity)
    return isNew
  })
}

function sorted(list: List, sign: 1 | -1): Value[] {
  const present = list.filter((value) => value !== null)
  const nulls = list.filter((value) => value === null)
  return [...present.sort((one, other) => sign * compareValues(one, other)), ...nulls]
}

function join(list: List | null, separator: string, type: SqlType | undefined): string | null {
  if (list === null) return null
  const kind = type?.kind === 'ARRAY' ? type.element.kind : 'STRING'
  if (!PRIMITIVES.includes(kind)) {
    throw new EvaluationError(
      `ARRAY_JOIN: an element is of type ${kind}; ${PRIMITIVES.join(', ')} are allowed`,
    )
  }
  const texts = list.map((value) =>
    kind === 'DOUBLE' && value !== null ? doubleText(value as number) : String(value),
  )
  return joinTexts('ARRAY_JOIN', texts, separator)
}

function entryTypes([map]: readonly SqlType[]): SqlType {
  const value = map?.kind === 'MAP' ? map.value : STRING
  return arrayOf(
    structOf([
      { name: 'K', type: STRING },
      { name: 'V', type: value },
    ]),
  )
}

function seriesVariants(): FunctionVariant[] {
  return ['INTEGER', 'BIGINT'].flatMap((type) => [
    variant(`(${type}, ${type}) -> ARRAY<${type}>`, (from: Long, to: Long) =>
      series(from, to, from > to ? -1 : 1),
    ),
    variant(`(${type}, ${type}, INTEGER) -> ARRAY<${type}>`, series),
  ])
}

function series(from: Long, to: Long, step: number): Value[] {
  const distance = BigInt(to) - BigInt(from)
  if (step === 0) throw new EvaluationError('GENERATE_SERIES step cannot be zero')
  if (distance !== 0n && distance > 0n !== step > 0) {
    throw new EvaluationError('GENERATE_SERIES step has wrong sign')
  }
  const count = Number(distance / BigInt(step)) + 1
  checkElements('GENERATE_SERIES', count)
  return Array.from({ length: count }, (_, index) =>
    longOf(BigInt(from) + BigInt(index) * BigInt(step)),
  )
}
