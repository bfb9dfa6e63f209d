import { buildMutant, type Edit, type Mutant } from '../mutants.ts'

const FAULTY_WORKER = 'test/crash/remote/faulty-worker.ts'
const TIER = 'durable-objects/partition/remote-tier.ts'
const LIMITS = 'src/core/limits.ts'

/** A partition of the crash run waits less for R2: most of the time of a run would be such waits. */
const SHORT_WAITS: readonly Edit[] = [
  {
    file: LIMITS,
    find: 'export const REMOTE_CALL_MS_MAX = 30_000',
    replace: 'export const REMOTE_CALL_MS_MAX = 5_000',
  },
  {
    file: LIMITS,
    find: 'export const REMOTE_IN_DOUBT_MS = 120_000',
    replace: 'export const REMOTE_IN_DOUBT_MS = 30_000',
  },
]

/** Builds the Worker of the crash run. @returns `outfile` */
export async function buildFaultyWorker(outfile: string, mutant?: Mutant): Promise<string> {
  const plain = { name: 'waits less for R2', file: LIMITS, edits: [], breaks: [] }
  const { edits, ...rest } = mutant ?? plain
  await buildMutant({ ...rest, edits: [...edits, ...SHORT_WAITS] }, outfile, FAULTY_WORKER)
  return outfile
}

/** Broken variants of tiering, one for each kind of fault of R2. */
export const REMOTE_MUTANTS: readonly Mutant[] = [
  {
    name: 'deletes chunks without a look at their object',
    file: TIER,
    edits: [
      { find: 'if (fault === undefined) remote.evict', replace: 'if (found || true) remote.evict' },
    ],
    breaks: ['L1'],
  },
  {
    name: 'forgets an object when R2 fails to write it',
    file: TIER,
    edits: [
      {
        find: 'bucket.put(key, bytes, options))',
        replace: `bucket.put(key, bytes, options)).catch((error) => {
      log.remote.table.removeChange(key)
      throw error
    })`,
      },
    ],
    breaks: ['R2'],
  },
  {
    name: 'waits for R2 without a limit',
    file: TIER,
    edits: [{ find: 'withinTime(REMOTE_CALL_MS_MAX', replace: 'withinTime(2 ** 30' }],
    breaks: ['R2'],
  },
]
