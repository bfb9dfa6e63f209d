/** Short forms for the tables of functions. */
import type { FunctionVariant, Implementation, ScalarFunction } from './function.ts'

type Rest = Omit<FunctionVariant, 'signature' | 'call'>

/** Returns a variant that is not called with NULL: its result is NULL then. */
export function variant(signature: string, call: Implementation, rest: Rest = {}): FunctionVariant {
  return { signature, call, ...rest }
}

/** Returns a variant that is called with NULL too. */
export function nullable(
  signature: string,
  call: Implementation,
  rest: Rest = {},
): FunctionVariant {
  return { signature, call, takesNull: true, ...rest }
}

/** Returns a variant whose implementation depends on the types of its arguments or on the environment. */
export function bound(
  signature: string,
  bind: NonNullable<FunctionVariant['bind']>,
  rest: Rest = {},
): FunctionVariant {
  return { signature, bind, ...rest }
}

export function scalar(
  name: string,
  description: string,
  ...variants: readonly FunctionVariant[]
): ScalarFunction {
  return { name, description, variants }
}
