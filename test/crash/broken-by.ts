/** Runs a broken server or client until a checker reports a promise that it must break. */
import { TEST_SEED } from '../support/seed.ts'
import type { Violation } from './history.ts'

/** Kills fall at random: a fault that one run in five shows escapes this many with a chance of 1 in 800. */
const TRIES = 30

interface Broken {
  /** The promises of which at least one must be reported. */
  readonly breaks: readonly string[]
}

/**
 * Returns the promises that were reported as broken. Ends with the run in which one of `breaks` was.
 *
 * @param run Makes one run with a seed of its own.
 */
export async function brokenBy(
  { breaks }: Broken,
  run: (seed: number) => Promise<{ readonly violations: readonly Violation[] }>,
): Promise<string[]> {
  const broken = new Set<string>()
  for (let attempt = 0; attempt < TRIES; attempt++) {
    for (const { promise } of (await run(TEST_SEED + attempt)).violations) broken.add(promise)
    if (breaks.some((promise) => broken.has(promise))) {
      console.log(`caught in run ${attempt + 1}`)
      break
    }
  }
  return [...broken].sort()
}
