/** Functions that make any number of rows of one. */
import { EvaluationError } from '../errors.ts'
import { CUBE_COLUMNS_MAX } from '../limits.ts'
import type { Value } from '../types/value.ts'
import { nullable, scalar } from './define.ts'
import type { TableFunction } from './function.ts'

export const TABLE_FUNCTION_LIST: readonly TableFunction[] = [
  {
    ...scalar(
      'CUBE_EXPLODE',
      'Makes a row of each combination of the values of an array and NULL.',
      nullable('(ARRAY<T>) -> ARRAY<T>', (list: readonly Value[] | null) =>
        list === null ? [] : cube(list),
      ),
    ),
    isTable: true,
  },
  {
    ...scalar(
      'EXPLODE',
      'Makes a row of each element of an array.',
      nullable('(ARRAY<T>) -> T', (list: readonly Value[] | null) => list ?? []),
    ),
    isTable: true,
  },
]

/** Returns all combinations; of a value that is NULL there is only one form, so no row occurs twice. */
function cube(list: readonly Value[]): Value[][] {
  if (list.length > CUBE_COLUMNS_MAX) {
    throw new EvaluationError(
      `CUBE_EXPLODE: the array has ${list.length} elements; at most ${CUBE_COLUMNS_MAX} are allowed`,
    )
  }
  return list.reduce<Value[][]>(
    (rows, value) =>
      rows.flatMap((row) =>
        value === null
          ? [[...row, null]]
          : [
              [...row, null],
              [...row, value],
            ],
      ),
    [[]],
  )
}
