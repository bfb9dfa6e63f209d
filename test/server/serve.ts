/** Runs the server in a process of its own, so that a test can kill it: `serve.ts PORT STATE [WORKER]`. */
import { startServer } from '../../client/cli/server.ts'

const [port, stateDir, workerPath = 'dist/worker.js'] = process.argv.slice(2)
if (stateDir === undefined) throw new Error('usage: serve.ts PORT STATE [WORKER]')
const { EDGELOG_TOKEN: token, EDGELOG_ORIGINS: origins } = process.env
const server = await startServer({
  host: '127.0.0.1',
  port: Number(port),
  stateDir,
  workerPath,
  ...(token !== undefined && { token }),
  ...(origins !== undefined && { origins }),
})
console.log(server.url)
