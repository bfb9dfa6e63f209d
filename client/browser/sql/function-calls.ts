/** Compiles the calls of functions, whose families it loads. Loaded by the first query that calls one. */
import { callCompiler } from '../../../src/core/sql/expressions/call.ts'
import type { CallCompiler } from '../../../src/core/sql/expressions/compile-context.ts'
import { type Family, familyOf } from '../../../src/core/sql/functions/families.ts'
import type { ScalarFunction } from '../../../src/core/sql/functions/function.ts'
import { loadCode } from './load-code.ts'

const LOAD: Readonly<Record<Family, () => Promise<readonly ScalarFunction[]>>> = {
  bytes: async () =>
    (await import('../../../src/core/sql/functions/bytes-functions.ts')).BYTES_FUNCTIONS,
  collection: async () =>
    (await import('../../../src/core/sql/functions/collection-functions.ts')).COLLECTION_FUNCTIONS,
  json: async () =>
    (await import('../../../src/core/sql/functions/json-functions.ts')).JSON_FUNCTIONS,
  lambda: async () =>
    (await import('../../../src/core/sql/functions/lambda-functions.ts')).LAMBDA_FUNCTIONS,
  math: async () =>
    (await import('../../../src/core/sql/functions/math-functions.ts')).MATH_FUNCTIONS,
  null: async () =>
    (await import('../../../src/core/sql/functions/null-functions.ts')).NULL_FUNCTIONS,
  regexp: async () =>
    (await import('../../../src/core/sql/functions/regexp-functions.ts')).REGEXP_FUNCTIONS,
  text: async () =>
    (await import('../../../src/core/sql/functions/text-functions.ts')).TEXT_FUNCTIONS,
  time: async () =>
    (await import('../../../src/core/sql/functions/time-functions.ts')).TIME_FUNCTIONS,
  url: async () => (await import('../../../src/core/sql/functions/url-functions.ts')).URL_FUNCTIONS,
}

/** Loads the families of some names, and returns the compiler of their calls. Other names are errors of the calls. */
export async function loadCalls(names: ReadonlySet<string>): Promise<CallCompiler> {
  const families = new Set([...names].flatMap((name) => familyOf(name) ?? []))
  const lists = await Promise.all([...families].map((family) => loadCode(LOAD[family]())))
  return callCompiler(new Map(lists.flat().map((each) => [each.name, each])))
}
