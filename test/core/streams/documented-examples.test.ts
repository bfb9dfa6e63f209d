/**
 * Runs the examples of docs/STREAMS.md. In a block of `ts run`, a line `expression // => value` is a check. The value
 * may go on in the following lines of comment.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { describe, expect, test } from 'vitest'
import * as streams from '../../../client/streams/node/index.ts'

const document = readFileSync(join(import.meta.dirname, '../../../docs/STREAMS.md'), 'utf8')

interface Example {
  readonly heading: string
  readonly code: string
}

function examplesOf(text: string): Example[] {
  const examples: Example[] = []
  let heading = ''
  for (const part of text.matchAll(/^#+ (.*)$|^```ts run\n([\s\S]*?)^```$/gm)) {
    if (part[1] !== undefined) heading = part[1]
    else examples.push({ heading, code: part[2] as string })
  }
  return examples
}

/** Returns the code with its checks as calls, and its import as a parameter. */
function runnable(code: string): { readonly script: string; readonly checksCount: number } {
  let checksCount = 0
  const checked = code.replaceAll(
    /^(.*?)\s*\/\/ => (.*(?:\n\s*\/\/ .*)*)$/gm,
    (_, expression: string, value: string) => {
      checksCount++
      const wanted = value.replaceAll(/\n\s*\/\/ ?/g, ' ')
      return `check(${expression}, ${wanted})`
    },
  )
  const script = checked.replace(
    /^import \{([^}]*)\} from 'edgelog\/streams'$/m,
    (_, names: string) => `const {${names.replaceAll(/type \w+,?/g, '')}} = streams`,
  )
  return { script: transformSync(script, { loader: 'ts' }).code, checksCount }
}

describe('docs/STREAMS.md', () => {
  const examples = examplesOf(document)

  test.each(examples)('$heading', ({ code }) => {
    const { script, checksCount } = runnable(code)
    expect(checksCount, 'the example checks something').toBeGreaterThan(0)
    const check = (found: unknown, wanted: unknown) => expect(found).toEqual(wanted)
    new Function('streams', 'check', script)(streams, check)
  })

  test('has an example of each operator', () => {
    const text = examples.map(({ code }) => code).join('\n')
    const missing = OPERATORS.filter((name) => !new RegExp(`\\.${name}[(<]`).test(text))
    expect(missing).toEqual([])
  })
})

const OPERATORS = [
  ...['stream', 'table', 'filter', 'filterNot', 'map', 'mapValues', 'flatMap', 'flatMapValues'],
  ...['selectKey', 'peek', 'foreach', 'split', 'merge', 'repartition', 'groupByKey', 'groupBy'],
  ...['count', 'reduce', 'aggregate', 'cogroup', 'windowedBy', 'toTable', 'toStream', 'to'],
  ...['join', 'leftJoin', 'outerJoin', 'suppress', 'process', 'processValues', 'schedule'],
]
