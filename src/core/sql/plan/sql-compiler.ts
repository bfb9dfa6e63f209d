/** Compiles the programs of queries, in each Worker that runs their tasks. */
import { EdgelogError } from '../../errors.ts'
import type { Topology } from '../../streams/topology.ts'
import type { QueryDefinition } from '../catalog/catalog-state.ts'
import { SqlError } from '../errors.ts'
import { WHOLE_LANGUAGE } from '../expressions/whole-language.ts'
import type { Environment } from '../functions/function.ts'
import { planDefinition } from './plan-definition.ts'

/**
 * Returns the compiler of queries.
 *
 * @returns a function that throws an `EdgelogError` `not_found` for a definition that this version cannot plan.
 */
export function sqlCompiler(clock: Environment) {
  const environment = { ...clock, ...WHOLE_LANGUAGE }
  return (
    name: string,
    definition: unknown,
    onFailure: (message: string) => void = () => {},
  ): Topology => {
    try {
      return planDefinition(definition as QueryDefinition, environment, onFailure).topology
    } catch (cause) {
      if (!(cause instanceof SqlError)) throw cause
      const why = `application ${name}: this Worker cannot plan its query: ${cause.message}`
      throw new EdgelogError('not_found', why, { cause })
    }
  }
}
