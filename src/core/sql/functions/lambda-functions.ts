/** Functions that call a lambda for each element of an array or entry of a map. */
import { EvaluationError } from '../errors.ts'
import type { Value } from '../types/value.ts'
import { nullable, scalar, variant } from './define.ts'
import type { Lambda, ScalarFunction } from './function.ts'

type Entries = ReadonlyMap<Value, Value>

export const LAMBDA_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'FILTER',
    'Returns the elements or entries for which a lambda is true.',
    variant(
      '(ARRAY<T>, LAMBDA(T) -> BOOLEAN) -> ARRAY<T>',
      (list: readonly Value[], accepts: Lambda) => list.filter((value) => accepts(value) === true),
    ),
    variant(
      '(MAP<K, V>, LAMBDA(K, V) -> BOOLEAN) -> MAP<K, V>',
      (map: Entries, accepts: Lambda) =>
        new Map([...map].filter(([key, value]) => accepts(key, value) === true)),
    ),
  ),
  scalar(
    'REDUCE',
    'Returns what a lambda makes of a state and each element or entry, one after the other.',
    nullable(
      '(ARRAY<T>, S, LAMBDA(S, T) -> S) -> S',
      (list: readonly Value[] | null, state: Value, next: Lambda) =>
        state === null
          ? null
          : (list ?? []).reduce<Value>((before, value) => next(before, value), state),
    ),
    nullable(
      '(MAP<K, V>, S, LAMBDA(S, K, V) -> S) -> S',
      (map: Entries | null, state: Value, next: Lambda) =>
        state === null
          ? null
          : [...(map ?? [])].reduce<Value>(
              (before, [key, value]) => next(before, key, value),
              state,
            ),
    ),
  ),
  scalar(
    'TRANSFORM',
    'Returns what a lambda makes of each element, or two lambdas of the key and value of each entry.',
    variant('(ARRAY<T>, LAMBDA(T) -> U) -> ARRAY<U>', (list: readonly Value[], change: Lambda) =>
      list.map((value) => change(value)),
    ),
    variant(
      '(MAP<K, V>, LAMBDA(K, V) -> T, LAMBDA(K, V) -> U) -> MAP<T, U>',
      (map: Entries, changeKey: Lambda, changeValue: Lambda) => {
        const changed = new Map<Value, Value>()
        for (const [key, value] of map) {
          const newKey = changeKey(key, value)
          if (changed.has(newKey)) {
            throw new EvaluationError(
              'TRANSFORM: two entries get the same key; each key must be different',
            )
          }
          changed.set(newKey, changeValue(key, value))
        }
        return changed
      },
    ),
  ),
]
