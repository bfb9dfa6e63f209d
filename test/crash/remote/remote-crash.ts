/** The crash run of a log that moves to R2, while R2 fails. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CrashOptions, type CrashReport, runCrash } from '../harness.ts'
import { buildFaultyWorker } from './remote-mutants.ts'

/** All records that are sealed leave the partition at once. */
export const TIERED_AT_ONCE = {
  'remote.storage.enable': true,
  'local.retention.ms': 0,
  'local.retention.bytes': 0,
}

/** @param options with a `workerPath` it has to be one of `buildFaultyWorker` */
export async function runRemoteCrash(options: CrashOptions): Promise<CrashReport> {
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-faulty-'))
  try {
    const workerPath = options.workerPath ?? (await buildFaultyWorker(join(dir, 'worker.js')))
    return await runCrash({ config: TIERED_AT_ONCE, ...options, workerPath, hasFaultyBucket: true })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
