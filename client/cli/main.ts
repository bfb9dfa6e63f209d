/** The `edgelog` command. */
import { startServer } from './server.ts'

export async function main(argv: readonly string[]): Promise<void> {
  const port = Number(argv[argv.indexOf('--port') + 1] || 8787)
  const server = await startServer({ host: '127.0.0.1', port, stateDir: '.edgelog' })
  console.log(server.url)
}
