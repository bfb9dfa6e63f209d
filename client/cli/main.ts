/** The `edgelog` command: arguments and exit code. */
import { Command, CommanderError } from 'commander'
import { EdgelogError } from '../index.ts'
import { addBridgeCommand } from './bridge.ts'
import { addConsumeCommand } from './consume.ts'
import { addDevCommand } from './dev.ts'
import { addExportCommand, addImportCommand } from './export.ts'
import { addGroupsCommand } from './groups.ts'
import { EXIT, watchOutput } from './output.ts'
import { addProduceCommand } from './produce.ts'
import { addSqlCommand } from './sql.ts'
import { addStreamsCommand } from './streams.ts'
import { addTierCommand } from './tier.ts'
import { addTopicsCommand } from './topics.ts'
import { addTransactionsCommand } from './transactions.ts'

/** Runs one command line; sets `process.exitCode` and returns when the command has ended. */
export async function main(argv: readonly string[]): Promise<void> {
  watchOutput()
  try {
    await createProgram().parseAsync([...argv])
  } catch (error) {
    process.exitCode = explain(error)
  }
}

function createProgram(): Command {
  const program = new Command('edgelog')
    .description("Apache Kafka's log on Cloudflare Workers, from the command line")
    .option('--url <url>', 'the server (EDGELOG_URL)', 'http://localhost:8787')
    .option('--token <token>', 'its EDGELOG_TOKEN, better given as that variable')
    .exitOverride()
    .showHelpAfterError('(run edgelog help for usage)')
    .addHelpText(
      'after',
      `
Getting started, with the server in another terminal:
  $ edgelog dev
  $ edgelog topics create orders --partitions 3
  $ echo 'alice:hello' | edgelog produce orders --key-separator :
  $ edgelog consume orders --from-beginning

Exit codes: ${EXIT.ok} done, ${EXIT.failed} rejected or failed, ${EXIT.usage} wrong usage, ${EXIT.interrupted} interrupted by Ctrl-C.
Ctrl-C stops dev, bridge, consume and groups describe --watch cleanly; press it twice to exit at once.`,
    )
  addDevCommand(program)
  addTopicsCommand(program)
  addProduceCommand(program)
  addConsumeCommand(program)
  addGroupsCommand(program)
  addExportCommand(program)
  addImportCommand(program)
  addTierCommand(program)
  addTransactionsCommand(program)
  addStreamsCommand(program)
  addSqlCommand(program)
  addBridgeCommand(program)
  return program
}

/** Prints the error in one line. @returns the exit code */
function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  if (error instanceof EdgelogError) {
    console.error(`edgelog: ${error.message} (${error.code})`)
    if (error.code === 'unavailable') console.error('Is it running? Start one with: edgelog dev')
  } else console.error(`edgelog: ${error instanceof Error ? error.message : String(error)}`)
  if (process.env.EDGELOG_DEBUG !== undefined) console.error(error)
  return EXIT.failed
}
