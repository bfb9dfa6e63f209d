/** Where the randomness of a test comes from: `TEST_SEED` if it is set, else a new one each run. */
const given = process.env.TEST_SEED

export const TEST_SEED = given === undefined ? (Math.random() * 0x7fffffff) | 0 : Number(given)

/** For `fc.assert`, which prints the seed when it fails. */
export const SEEDED = { seed: TEST_SEED } as const
