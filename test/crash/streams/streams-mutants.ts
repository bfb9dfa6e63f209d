import { buildMutant, type Edit, type Mutant } from '../mutants.ts'

const STREAMS_WORKER = 'test/crash/streams/streams-worker.ts'
const LIMITS = 'src/core/streams/limits.ts'

/** The state of the crash run is small: it checkpoints, and splits leaves, far more often than a large one would. */
const SMALL_STATE: readonly Edit[] = [
  {
    file: LIMITS,
    find: 'export const CHECKPOINT_TURNS = 1_000',
    replace: 'export const CHECKPOINT_TURNS = 5',
  },
  {
    file: LIMITS,
    find: 'export const LEAF_BYTES_MAX = 8 * KIB',
    replace: 'export const LEAF_BYTES_MAX = 200',
  },
  {
    file: LIMITS,
    find: 'export const LEAF_BYTES_SPLIT = 5 * KIB',
    replace: 'export const LEAF_BYTES_SPLIT = 120',
  },
]

/** Builds the Worker of the crash run. @returns `outfile` */
export async function buildStreamsWorker(
  outfile: string,
  mutant?: Mutant,
  entry = STREAMS_WORKER,
): Promise<string> {
  const plain = { name: 'has a small state', file: LIMITS, edits: [], breaks: [] }
  const { edits, ...rest } = mutant ?? plain
  await buildMutant({ ...rest, edits: [...edits, ...SMALL_STATE] }, outfile, entry)
  return outfile
}

/** Broken variants of tasks. */
export const STREAMS_MUTANTS: readonly Mutant[] = [
  {
    name: 'stores the state of a turn without its positions',
    file: 'src/core/streams/task-process.ts',
    edits: [
      {
        find: 'positions: Object.fromEntries(positions)',
        replace: 'positions: (positions, this.#header.positions)',
      },
    ],
    breaks: ['S2', 'S4'],
  },
  {
    name: 'sends the outputs of a turn before it is stored',
    file: 'src/core/streams/task-loop.ts',
    edits: [
      {
        find: 'await this.#ports.commit(step.commit)',
        replace: `this.#send()
        await this.#ports.pause(50)
        await this.#ports.commit(step.commit)`,
      },
    ],
    breaks: ['S1', 'S2', 'S3', 'S4'],
  },
  {
    name: 'sends as the same producer again after a reset',
    file: 'durable-objects/task/task.ts',
    edits: [
      {
        find: 'settings.producerId = randomProducerId()',
        replace: `settings.producerId = BigInt(
          1_000 + 100 * assignment.application.length + 10 * assignment.sub + assignment.partition,
        )`,
      },
    ],
    breaks: ['S4'],
  },
  {
    name: 'stores the leaves of a checkpoint after its turn',
    file: 'durable-objects/task/running-task.ts',
    edits: [
      {
        find: 'this.#storage.transactionSync(() => this.#rows.commit(commit))',
        replace: `const { checkpoint, ...turn } = commit
    this.#rows.commit(turn)
    if (checkpoint !== undefined) setTimeout(() => this.#rows.storeLeaves(checkpoint), 200)`,
      },
      {
        file: 'src/core/streams/task-sql.ts',
        find: '#storeLeaves({ leaves, drops }',
        replace: 'storeLeaves({ leaves, drops }',
      },
      {
        file: 'src/core/streams/task-sql.ts',
        find: 'this.#storeLeaves(checkpoint)',
        replace: 'this.storeLeaves(checkpoint)',
      },
    ],
    breaks: ['S4', 'S1', 'S2', 'S3'],
  },
  {
    name: 'writes only some leaves of a checkpoint',
    file: 'src/core/streams/stores/leaf-tree.ts',
    edits: [
      {
        find: 'return runs.map((entries, index) => {',
        replace: 'return runs.slice(0, 1).map((entries, index) => {',
      },
    ],
    breaks: ['S4', 'S1', 'S2', 'S3'],
  },
]
