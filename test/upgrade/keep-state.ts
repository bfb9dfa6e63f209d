/** The command of the programs that write a state for `states/`: `node test/upgrade/PROGRAM.ts FILE RELEASE`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { dumpState } from './state-dump.ts'

/** Writes the dump of a state to the file that the command names. @param write Makes the state by a new server. */
export async function keepState(write: (log: Client, url: string) => Promise<void>): Promise<void> {
  const [file, release] = process.argv.slice(2)
  if (file === undefined || release === undefined) throw new Error('usage: PROGRAM FILE RELEASE')
  const stateDir = await mkdtemp(join(tmpdir(), 'edgelog-state-'))
  const server = await ServerProcess.start({ stateDir })
  const log = connect({ url: server.url })
  await write(log, server.url)
  await log.close()
  await server.stop()
  await writeFile(file, `${JSON.stringify(await dumpState(stateDir, release), null, 1)}\n`)
  await rm(stateDir, { recursive: true, force: true })
}
