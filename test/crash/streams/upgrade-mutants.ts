import type { Edit, Mutant } from '../mutants.ts'
import { buildStreamsWorker } from './streams-mutants.ts'

const UPGRADE_WORKER = 'test/crash/streams/upgrade-worker.ts'

/** Kills come more often than the usual looks at a candidate. */
const OFTEN: readonly Edit[] = [
  {
    file: 'src/core/streams/limits.ts',
    find: 'export const UPGRADE_POLL_MS_MIN = 1_000',
    replace: 'export const UPGRADE_POLL_MS_MIN = 200',
  },
]
const BEFORE: Edit = {
  file: UPGRADE_WORKER,
  find: "= 'second'\n",
  replace: "= 'first'\n",
}

/** Builds the Worker with the first topology, or with both. */
export async function buildUpgradeWorker(
  outfile: string,
  version: 'first' | 'second',
  { edits = [], ...rest }: Partial<Mutant> = {},
): Promise<string> {
  const all = [...edits, ...OFTEN, ...(version === 'first' ? [BEFORE] : [])]
  const plain = { name: 'upgrades', file: 'src/core/streams/limits.ts', breaks: [] }
  return await buildStreamsWorker(outfile, { ...plain, ...rest, edits: all }, UPGRADE_WORKER)
}

/** Broken variants of upgrades. */
export const UPGRADE_MUTANTS: readonly Mutant[] = [
  {
    name: 'lets the candidate write before the old generation has stopped',
    file: 'durable-objects/application/settling.ts',
    edits: [
      {
        find: 'generation, topics, sinkNames(running))',
        replace:
          "generation, topics, upgrade.step === 'catching-up' ? sinkNames(running) : undefined)",
      },
    ],
    breaks: ['S2'],
  },
  {
    name: 'swaps the generations without a cut',
    file: 'src/core/streams/decide-upgrade.ts',
    edits: [
      {
        find: "return isNear(now) ? withStep(state, upgrade, 'holding', nowMs) : noted(state, upgrade)",
        replace: 'return isNear(now) ? withSwap(state, upgrade) : noted(state, upgrade)',
      },
    ],
    breaks: ['S1', 'S2', 'S3'],
  },
]
