/** A server on a state that an earlier release wrote, for the tests of a file. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { readDump, restoreState } from './state-dump.ts'

const STATES = join(import.meta.dirname, 'states')

interface KeptState {
  /** Address of the server. */
  readonly url: string
  readonly log: Client
}

/** Returns the names of the states of one kind, such as `.kept-logs.json`. */
export async function keptStates(suffix: string): Promise<string[]> {
  return (await readdir(STATES)).filter((name) => name.endsWith(suffix))
}

/** Starts a server on a state before the tests, and stops it behind them. */
export function useKeptState(state: string): KeptState {
  let stateDir = ''
  let server: ServerProcess
  let log: Client
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'edgelog-upgrade-'))
    await restoreState(await readDump(join(STATES, state)), stateDir)
    server = await ServerProcess.start({ stateDir })
    log = connect({ url: server.url })
  })
  afterAll(async () => {
    await log.close()
    await server.stop()
    await rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
  })
  return {
    get url() {
      return server.url
    },
    get log() {
      return log
    },
  }
}
