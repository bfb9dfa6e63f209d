/**
 * Writes the list of functions in docs/SQL.md, with the examples that the tests evaluate:
 *
 *   node scripts/sql-functions.ts
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AGGREGATE_FUNCTIONS } from '../src/core/sql/aggregates/aggregates.ts'
import { BYTES_FUNCTIONS } from '../src/core/sql/functions/bytes-functions.ts'
import { COLLECTION_FUNCTIONS } from '../src/core/sql/functions/collection-functions.ts'
import { JSON_FUNCTIONS } from '../src/core/sql/functions/json-functions.ts'
import { LAMBDA_FUNCTIONS } from '../src/core/sql/functions/lambda-functions.ts'
import { MATH_FUNCTIONS } from '../src/core/sql/functions/math-functions.ts'
import { NULL_FUNCTIONS } from '../src/core/sql/functions/null-functions.ts'
import { REGEXP_FUNCTIONS } from '../src/core/sql/functions/regexp-functions.ts'
import { TABLE_FUNCTION_LIST } from '../src/core/sql/functions/table-functions.ts'
import { TEXT_FUNCTIONS } from '../src/core/sql/functions/text-functions.ts'
import { TIME_FUNCTIONS } from '../src/core/sql/functions/time-functions.ts'
import { URL_FUNCTIONS } from '../src/core/sql/functions/url-functions.ts'
import { FUNCTION_EXAMPLES } from '../test/core/sql/function-examples.ts'
import { evaluateExample } from '../test/core/sql/functions/evaluate-example.ts'

export const DOCUMENT = join(import.meta.dirname, '../docs/SQL.md')

interface Described {
  readonly name: string
  readonly description: string
}

const FAMILIES: ReadonlyArray<readonly [heading: string, functions: readonly Described[]]> = [
  ['Numbers', MATH_FUNCTIONS],
  ['Texts', TEXT_FUNCTIONS],
  ['Texts and bytes', BYTES_FUNCTIONS],
  ['Regular expressions', REGEXP_FUNCTIONS],
  ['NULL', NULL_FUNCTIONS],
  ['Arrays, maps and structs', COLLECTION_FUNCTIONS],
  ['Lambdas', LAMBDA_FUNCTIONS],
  ['JSON', JSON_FUNCTIONS],
  ['Times', TIME_FUNCTIONS],
  ['URLs', URL_FUNCTIONS],
  ['Rows of arrays', TABLE_FUNCTION_LIST],
]

const BEGIN = '<!-- functions: written by `node scripts/sql-functions.ts` -->\n'
const END = '<!-- end of functions -->'

/** Returns the document with the lists of functions as they are. */
export function withFunctions(document: string): string {
  const begin = document.indexOf(BEGIN)
  const end = document.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the document has no ${BEGIN}`)
  const lists = FAMILIES.map(
    ([heading, functions]) => `### ${heading}\n\n${tableOf(functions, exampleOf)}`,
  )
  const aggregates = tableOf([...AGGREGATE_FUNCTIONS.values()], () => undefined)
  const text = ['', aggregates, ...lists, ''].join('\n')
  return document.slice(0, begin + BEGIN.length) + text + document.slice(end)
}

function tableOf(
  functions: readonly Described[],
  example: (name: string) => string | undefined,
): string {
  const rows = [...functions]
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, description }) => {
      const shown = example(name)
      return `| \`${name}\` | ${cell(description)} |${shown === undefined ? '' : ` ${shown} |`}`
    })
  const isShown = example(functions[0]?.name ?? '') !== undefined
  const head = isShown
    ? '| function | | for example |\n| --- | --- | --- |'
    : '| function | |\n| --- | --- |'
  return `${head}\n${rows.join('\n')}\n`
}

/** Returns the shortest example of a function, if possible one that is a call of it. */
function exampleOf(name: string): string {
  const named = FUNCTION_EXAMPLES.filter(({ sql }) => sql.includes(`${name}(`))
  const calls = named.filter(({ sql }) => sql.startsWith(`${name}(`))
  const [example] = (calls.length > 0 ? calls : named).toSorted(
    (one, other) => one.sql.length - other.sql.length,
  )
  if (example === undefined) throw new Error(`${name}: test/core/sql/function-examples.ts has none`)
  const { sql, result } = example
  // Numbers with all their digits are texts in the examples.
  const isDigits = typeof result === 'string' && NUMBERS.has(evaluateExample(sql).type?.kind ?? '')
  return `${code(sql)} → ${code(isDigits ? result : JSON.stringify(result))}`
}

const NUMBERS: ReadonlySet<string> = new Set(['BIGINT', 'DECIMAL', 'DOUBLE'])

function code(text: string): string {
  return `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

if (process.argv[1] === import.meta.filename) {
  await writeFile(DOCUMENT, withFunctions(await readFile(DOCUMENT, 'utf8')))
}
