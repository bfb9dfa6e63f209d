/** Runs the server in its own process, so that a test can kill it: `serve.ts PORT STATE [WORKER]`. */
import { flushCompileCache } from 'node:module'
import { startHttpFront } from '../../client/cli/http-front.ts'
import { startServer } from '../../client/cli/server.ts'
import { endWithRunner } from './end-with-runner.ts'

// With its group: the runtime is a child of this process.
endWithRunner(() => process.kill(-process.pid, 'SIGKILL'))

const [port, stateDir, workerPath = 'dist/worker.js'] = process.argv.slice(2)
if (stateDir === undefined) throw new Error('usage: serve.ts PORT STATE [WORKER]')
const {
  EDGELOG_TOKEN: token,
  EDGELOG_ORIGINS: origins,
  EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: retentionCheckIntervalMs,
  EDGELOG_SESSION_CALLS_MAX: sessionCallsMax,
  TEST_KAFKA_PORT: kafkaPort,
  TEST_KSQL_PORT: ksqlPort,
} = process.env
const server = await startServer({
  host: '127.0.0.1',
  port: Number(port),
  stateDir,
  workerPath,
  ...(token !== undefined && { token }),
  ...(origins !== undefined && { origins }),
  ...(retentionCheckIntervalMs !== undefined && { retentionCheckIntervalMs }),
  ...(sessionCallsMax !== undefined && { sessionCallsMax }),
  ...(kafkaPort !== undefined && { kafkaPort: Number(kafkaPort) }),
})
if (ksqlPort !== undefined) {
  const target = new URL('/ksqldb', server.url)
  await startHttpFront({ host: '127.0.0.1', port: Number(ksqlPort), target })
}
console.log(server.url)
// Now, since most of these processes are killed: Node stores compiled code when a process exits.
flushCompileCache()
