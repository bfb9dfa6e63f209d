/** All aggregate functions by their name. */
import type { AggregateFunction } from './aggregate-function.ts'
import { COLLECT_AGGREGATES } from './collect-aggregates.ts'
import { NUMBER_AGGREGATES } from './number-aggregates.ts'
import { OFFSET_AGGREGATES } from './offset-aggregates.ts'
import { TOP_AGGREGATES } from './top-aggregates.ts'

export const AGGREGATE_FUNCTIONS: ReadonlyMap<string, AggregateFunction> = new Map(
  [...COLLECT_AGGREGATES, ...NUMBER_AGGREGATES, ...OFFSET_AGGREGATES, ...TOP_AGGREGATES]
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map((each) => [each.name, each]),
)
