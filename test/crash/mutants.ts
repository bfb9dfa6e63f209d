/**
 * Broken variants of the server, each with a few lines changed. The checkers must catch each one: a checker
 * that never fails proves nothing.
 */
import { readFile } from 'node:fs/promises'
import { bundleWorker } from '../server/bundle-worker.ts'

export interface Edit {
  /** That of the mutant by default. */
  readonly file?: string
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  /** Completes "a server that ..." or "a group that ...". */
  readonly name: string
  readonly file: string
  readonly edits: readonly Edit[]
  /** The promises of which the checkers must report at least one as broken. */
  readonly breaks: readonly string[]
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'does not dedupe',
    file: 'src/core/log/producer-state.ts',
    edits: [
      {
        find: 'if (state === undefined) {',
        replace: "if (state !== undefined) return { kind: 'append' }\n  if (state === undefined) {",
      },
    ],
    breaks: ['P1', 'P4'],
  },
  {
    name: 'responds before it commits',
    file: 'durable-objects/partition/append-queue.ts',
    edits: [
      {
        find: 'this.#target.commit()',
        replace: 'setTimeout(() => this.#target.commit(), 100)',
      },
    ],
    breaks: ['L1'],
  },
  {
    name: 'awaits between the writes of one append',
    file: 'durable-objects/partition/partition.ts',
    edits: [
      {
        find: 'return await this.#queue.push(request)',
        replace: `
      const baseOffsets = []
      let last
      for (const [index, { position, sizeBytes }] of parseAppend(request).headers.entries()) {
        const batches = request.batches.slice(position, position + sizeBytes)
        const checks = request.checks.slice(index, index + 1)
        last = await this.#queue.push({ ...request, batches, checks })
        if ('error' in last) return last
        baseOffsets.push(...last.ok.baseOffsets)
      }
      return { ok: { ...last.ok, baseOffsets } }`,
      },
      { find: 'import { PartitionLog }', replace: 'import { PartitionLog, parseAppend }' },
    ],
    breaks: ['L4', 'P2', 'L5'],
  },
]

export const GROUP_MUTANTS: readonly Mutant[] = [
  {
    name: 'assigns a partition before it is revoked',
    file: 'src/core/group/consumer/consumer-group.ts',
    edits: [
      {
        find: 'return owner === undefined || owner === memberId || this.#members.has(owner)',
        replace: 'return true || owner',
      },
      { find: 'if (has(member, topicId, partition)) return false', replace: '' },
      {
        find: "assert(!owners.has(partition), 'a partition belongs to one member at a time')",
        replace: '',
      },
    ],
    breaks: ['G3'],
  },
]

/** Builds the Worker with one mutant. @throws {Error} if the code to mutate no longer exists. */
export async function buildMutant(
  mutant: Mutant,
  outfile: string,
  entry = 'src/index.ts',
): Promise<void> {
  const missing = new Set(mutant.edits)
  await bundleWorker(entry, outfile, [
    {
      name: 'mutate',
      setup: ({ onLoad }) => {
        onLoad({ filter: /\.ts$/ }, async ({ path }) => {
          const edits = mutant.edits.filter(({ file = mutant.file }) => path.endsWith(file))
          if (edits.length === 0) return undefined
          let contents = await readFile(path, 'utf8')
          for (const edit of edits) {
            if (contents.includes(edit.find)) missing.delete(edit)
            contents = contents.replace(edit.find, () => edit.replace)
          }
          return { contents, loader: 'ts' }
        })
      },
    },
  ])
  if (missing.size === 0) return
  throw new Error(`${mutant.name}: not in the code: ${[...missing].map(({ find }) => find).join()}`)
}
