/**
 * Runs the cases of a folder, and prints how many hold:
 *
 *   node test/sql/cases.ts FOLDER [--area NAME ...] [--case TEXT] [--errors] [--no-rest]
 *
 * The last lines are `N of M` for the positive and the negative cases that can be run, and for those of the REST API,
 * which need a build: they run against a server.
 */
import { parseArgs } from 'node:util'
import { ServerProcess } from '../server/server-process.ts'
import { runCase } from './run-case.ts'
import { type RestResult, runRestCase } from './run-rest-case.ts'
import { type CaseFile, isRunnable, readCases, type SqlCase } from './sql-case.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    area: { type: 'string', multiple: true },
    case: { type: 'string' },
    errors: { type: 'boolean', default: false },
    rest: { type: 'boolean', default: true },
  },
})
const [folder] = positionals
if (folder === undefined) {
  console.error(
    'usage: node test/sql/cases.ts FOLDER [--area NAME ...] [--case TEXT] [--errors] [--no-rest]',
  )
  process.exit(2)
}

interface Count {
  passed: number
  all: number
}

const newCount = (): Count => ({ passed: 0, all: 0 })
const totals = {
  positive: newCount(),
  negative: newCount(),
  rest: newCount(),
  messages: newCount(),
}
const files = (await readCases(folder)).filter(
  ({ area }) => values.area === undefined || values.area.includes(area),
)
for (const file of files) runArea(file)
if (values.rest) await runRestAreas()
console.log(`positive: ${percent(totals.positive)}`)
console.log(`negative: ${percent(totals.negative)}`)
if (values.rest) {
  console.log(`rest, refusals with the expected message: ${percent(totals.messages)}`)
  console.log(`rest: ${percent(totals.rest)}`)
}

function percent({ passed, all }: Count): string {
  return `${passed} of ${all} (${all === 0 ? 0 : Math.floor((passed / all) * 1000) / 10} %)`
}

function runArea({ area, cases }: CaseFile): void {
  const own = { positive: newCount(), negative: newCount() }
  const wanted = cases.filter((one) => one.responses === undefined && isWanted(one))
  if (wanted.length === 0) return
  for (const one of wanted) {
    const kind = one.expectedException === null ? 'positive' : 'negative'
    const result = runCase(one)
    for (const count of [own[kind], totals[kind]]) add(count, result.kind === 'passed')
    if (result.kind === 'failed') printFailure(one, result.error)
  }
  console.log(`${area}: ${percent(own.positive)}, negative ${percent(own.negative)}`)
}

async function runRestAreas(): Promise<void> {
  const areas = files.map(({ area, cases }) => ({
    area,
    cases: cases.filter((one) => one.responses !== undefined && isWanted(one)),
  }))
  if (areas.every(({ cases }) => cases.length === 0)) return
  const server = await ServerProcess.start()
  try {
    for (const { area, cases } of areas) {
      const own = newCount()
      for (const one of cases) {
        const result: RestResult = await runRestCase(one, server.url)
        for (const count of [own, totals.rest]) add(count, result.kind === 'passed')
        if (result.hasMessage !== undefined) add(totals.messages, result.hasMessage)
        if (result.hasMessage === false) {
          printFailure(
            one,
            `message: ${result.message}\n      expected: ${one.expectedError?.message}`,
          )
        }
        if (result.kind === 'failed') printFailure(one, result.error)
      }
      if (cases.length > 0) console.log(`${area}: ${percent(own)}`)
    }
  } finally {
    await server.stop()
  }
}

function add(count: Count, isPassed: boolean): void {
  count.all += 1
  if (isPassed) count.passed += 1
}

function printFailure({ id, variant }: SqlCase, error: string): void {
  if (!values.errors) return
  console.log(`  ${id} [${variant.format ?? ''}${variant.config ?? ''}]\n      ${error}`)
}

function isWanted(one: SqlCase): boolean {
  return isRunnable(one) && (values.case === undefined || one.id.includes(values.case))
}
