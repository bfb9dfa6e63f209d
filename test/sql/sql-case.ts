/** The form of cases of SQL over streams: statements, records in, and records or an error out. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JsonValue, parseJson } from '../../src/core/sql/formats/json-reader.ts'

export interface CaseRecord {
  readonly topic: string
  readonly key?: JsonValue
  readonly value?: JsonValue
  readonly timestamp?: number
  readonly window?: { readonly start: number; readonly end: number; readonly type: string }
  readonly headers?: ReadonlyArray<{ readonly KEY: string; readonly VALUE: string | null }>
}

export interface CaseSource {
  readonly name: string
  readonly type: string
  readonly schema?: string
  readonly keyFormat?: string | { readonly format: string }
  readonly valueFormat?: string | { readonly format: string }
  readonly isSource?: boolean
}

export interface SqlCase {
  readonly id: string
  readonly file: string
  readonly statements: readonly string[]
  readonly variant: { readonly format: string | null; readonly config: string | null }
  readonly inputs: readonly CaseRecord[]
  readonly outputs: readonly CaseRecord[]
  readonly expectedException: { readonly type?: string; readonly message?: string } | null
  readonly expectedError?: { readonly status?: number; readonly message?: string } | null
  readonly topics: ReadonlyArray<{
    readonly name: string
    readonly partitions?: number
    readonly keyFormat?: string
    readonly valueFormat?: string
  }>
  readonly properties: Readonly<Record<string, JsonValue>>
  readonly post: { readonly sources?: readonly CaseSource[] } | null
  readonly responses?: ReadonlyArray<{
    readonly admin?: Readonly<Record<string, JsonValue>>
    readonly query?: readonly JsonValue[]
  }>
  readonly outputConditions?: { readonly verifyOrder?: boolean } | null
  readonly inputConditions?: { readonly waitForActivePushQuery?: boolean } | null
  readonly enabled: boolean
  readonly tier: string
}

export interface CaseFile {
  readonly area: string
  readonly cases: readonly SqlCase[]
}

export async function readCases(folder: string): Promise<CaseFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  return await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8')
      const { area, cases } = parseJson(text) as never as CaseFile
      return { area: area ?? name.replace('.json', ''), cases: cases.map(withVariant) }
    }),
  )
}

/** Puts the format and the property of a variant into a case. */
function withVariant(one: SqlCase): SqlCase {
  const { format, config } = one.variant
  const statements = one.statements.map((text) => text.replaceAll('{FORMAT}', format ?? 'JSON'))
  const properties = Object.fromEntries(
    Object.entries(one.properties ?? {}).map(([name, value]) => [
      name,
      value === '{CONFIG}' ? config : value,
    ]),
  )
  return { ...one, statements, properties }
}

/** Functions that only a test tree of Java has. */
const FOREIGN_FUNCTION =
  /\b(TEST_UDF|BAD_UDF|MULTI_ARG|TEST_UDTF|BAD_UDTF|BAD_UDAF|TEST_UDAF|THROWING_UDTF|SUM_NULL|FOUR_ARG|VAR_ARG|OBJ_COL_ARG|FIVE_ARG|GENERIC_VAR_ARG|MIDDLE_VAR_ARG|OBJ_PARTIAL|STRUCT_UDF|WHOAMI|RETURN_MY_PARAM)/i

/** Returns whether a case needs nothing that is not there: a schema registry, or a function of a test tree. */
export function isRunnable({ tier, enabled, statements }: SqlCase): boolean {
  return (
    tier === 'plain' && enabled !== false && !statements.some((text) => FOREIGN_FUNCTION.test(text))
  )
}
