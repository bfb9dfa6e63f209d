/** Compares edgelog/streams with Kafka Streams: the same topologies and inputs, line by line. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runJava } from '../../../java/java-process.ts'
import type { Case } from '../../../support/streams/case.ts'
import { generateCase, OPERATORS } from '../../../support/streams/generate.ts'
import { Random } from '../../../support/streams/random.ts'
import { runCase } from '../../../support/streams/run-case.ts'

const RESULT = 'result '
/** A busy machine may need minutes; an idle one needs 10 s. */
const RUN_MS_MAX = 600_000
/** Differing cases whose difference is shown. */
const SHOWN_MAX = 5

/**
 * Runs generated cases on both sides.
 *
 * @returns a sentence with the figures.
 * @throws {Error} with the cases that differ.
 */
export async function compareWithKafkaStreams(
  classPath: string,
  { seed, count, operator }: { seed: number; count: number; operator?: string },
): Promise<string> {
  const random = new Random(seed)
  const operators = OPERATORS.filter((name) => operator === undefined || name === operator)
  const cases = Array.from({ length: count }, (_, index) =>
    generateCase(random, operators[index % operators.length] as (typeof OPERATORS)[number]),
  )
  const results = await runAllInJava(classPath, cases)
  let lines = 0
  const failures: string[] = []
  for (const [index, spec] of cases.entries()) {
    const theirs = comparable(results[index] ?? ['no result'])
    const ours = comparable(runOurs(spec))
    lines += theirs.length
    const difference = firstDifference(theirs, ours)
    if (difference === undefined) continue
    const name = operators[index % operators.length]
    failures.push(`case ${index} (${name}): ${difference}\n${shownCase(spec)}`)
  }
  if (failures.length > 0) {
    const shown = failures.slice(0, SHOWN_MAX).join('\n\n')
    throw new Error(`seed ${seed}: ${failures.length} of ${count} cases differ\n${shown}`)
  }
  return `streams: ${count} topologies, ${lines} lines equal to those of Kafka Streams, seed ${seed}`
}

function runOurs(spec: Case): string[] {
  try {
    return runCase(spec)
  } catch (error) {
    return [`error: ${error instanceof Error ? error.message : error}`]
  }
}

/** Returns the lines, those of sinks without an order sorted and without the input at which they came. */
function comparable(lines: readonly string[]): string[] {
  const isLoose = (line: string) => /^\d+ loose/.test(line)
  const loose = lines.filter(isLoose).map((line) => line.slice(line.indexOf(' ') + 1))
  return [...lines.filter((line) => !isLoose(line)), ...loose.sort()]
}

async function runAllInJava(classPath: string, cases: readonly Case[]): Promise<string[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
  try {
    const printed = await runJava({
      ...{ classPath, mainClass: 'edgelog.streams.Oracle', args: [folder] },
      runMsMax: RUN_MS_MAX,
      input: cases.map((spec) => `${JSON.stringify(spec)}\n`).join(''),
    })
    return printed
      .split('\n')
      .filter((line) => line.startsWith(RESULT))
      .map((line) => JSON.parse(line.slice(RESULT.length)) as string[])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function firstDifference(theirs: readonly string[], ours: readonly string[]): string | undefined {
  const length = Math.max(theirs.length, ours.length)
  for (let index = 0; index < length; index++) {
    const [one, other] = [theirs[index], ours[index]]
    if (one === other) continue
    const before = theirs.slice(Math.max(0, index - 3), index)
    return [
      `line ${index} differs`,
      ...before.map((line) => `      both  ${line}`),
      ...theirs.slice(index, index + 3).map((line) => `     Kafka  ${line}`),
      ...ours.slice(index, index + 3).map((line) => `   edgelog  ${line}`),
    ].join('\n')
  }
  return undefined
}

function shownCase({ steps, inputs }: Case): string {
  const list = [
    ...steps.map((step) => `      step  ${JSON.stringify(step)}`),
    ...inputs.map((input, index) => `     input  ${index} ${JSON.stringify(input)}`),
  ]
  return list.join('\n')
}
