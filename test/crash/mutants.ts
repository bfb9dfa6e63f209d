/**
 * Broken variants of the server, each with one line changed, that the checkers must catch: a checker
 * that never fails proves nothing.
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { bundleWorker } from '../server/bundle-worker.ts'

export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The promises of which at least one must be seen broken. */
  readonly breaks: readonly string[]
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no dedupe',
    file: 'src/core/log/producer-state.ts',
    find: 'if (state === undefined) {',
    replace: "if (state !== undefined) return { kind: 'append' }\n  if (state === undefined) {",
    breaks: ['P1', 'P4'],
  },
  {
    name: 'answer before commit',
    file: 'durable-objects/partition/append-queue.ts',
    find: 'this.#target.commit()',
    replace: 'setTimeout(() => this.#target.commit(), 40)',
    breaks: ['L1'],
  },
  {
    name: 'await between the writes of one append',
    file: 'durable-objects/partition/partition.ts',
    find: 'return await this.#queue.push(request)',
    replace: `
      const baseOffsets = []
      let last
      for (const { position, sizeBytes } of parseAppend(request).headers) {
        const batches = request.batches.slice(position, position + sizeBytes)
        last = await this.#queue.push({ ...request, batches })
        if ('error' in last) return last
        baseOffsets.push(...last.ok.baseOffsets)
      }
      return { ok: { ...last.ok, baseOffsets } }`,
    breaks: ['L4', 'P2', 'L5'],
  },
]

/** Builds the Worker with one mutation. @throws {Error} if the code to mutate is no longer there. */
export async function buildMutant(mutant: Mutant, outfile: string): Promise<void> {
  let isApplied = false
  await bundleWorker('src/index.ts', outfile, [
    {
      name: 'mutate',
      setup: ({ onLoad }) => {
        onLoad({ filter: new RegExp(`${basename(mutant.file)}$`) }, async ({ path }) => {
          const source = await readFile(path, 'utf8')
          if (!path.endsWith(mutant.file) || !source.includes(mutant.find)) return undefined
          isApplied = true
          const mutated = source
            .replace(mutant.find, mutant.replace)
            .replace('import { PartitionLog }', 'import { PartitionLog, parseAppend }')
          return { contents: mutated, loader: 'ts' }
        })
      },
    },
  ])
  if (!isApplied) throw new Error(`${mutant.file} no longer holds: ${mutant.find}`)
}
