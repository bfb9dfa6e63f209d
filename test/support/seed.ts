/** The seed of a test: `TEST_SEED`, or a new one each run. */
const given = process.env.TEST_SEED

export const TEST_SEED = given === undefined ? (Math.random() * 0x7fffffff) | 0 : Number(given)

/** For `fc.assert`, which prints the seed when it fails. */
export const SEEDED = { seed: TEST_SEED } as const

/** Quick by default; `npm run test:slow` sets `TEST_RUNS=1`. */
const RUNS_SHARE = Number(process.env.TEST_RUNS ?? 0.2)

/** Returns the number of runs of a property: the share of `count` that `TEST_RUNS` sets, at least one. */
export function runs(count: number): number {
  return Math.max(1, Math.round(count * RUNS_SHARE))
}
