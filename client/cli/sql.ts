/** `edgelog sql`: statements from the command line, from a file, or from a prompt. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { connect } from '../index.ts'
import { interruption, serverOf, withClient } from './connection.ts'
import { EXIT } from './output.ts'
import { SqlCompletion } from './sql/completion.ts'
import { historyPath, SqlHistory } from './sql/history.ts'
import { OUTPUT_FORMATS, type OutputFormat } from './sql/input.ts'
import { SqlOutput } from './sql/output.ts'
import { SqlPrompt } from './sql/prompt.ts'
import { FailedStatement, SqlSession } from './sql/session.ts'
import { showError } from './sql/show-error.ts'

interface SqlOptions {
  readonly execute?: string
  readonly file?: string
  readonly output: OutputFormat
  readonly define: ReadonlyMap<string, string>
  readonly set: ReadonlyMap<string, string>
}

export function addSqlCommand(program: Command): void {
  program
    .command('sql')
    .description('run statements of SQL, or open a prompt for them')
    .addOption(new Option('-e, --execute <statements>', 'run these statements').conflicts(['file']))
    .option('-f, --file <path>', 'run the statements of a file; - is standard input')
    .addOption(
      new Option('--output <format>', 'how results are printed')
        .choices(OUTPUT_FORMATS)
        .default('table'),
    )
    .option(
      '--define <name=value>',
      'a variable of the statements; may be repeated',
      pair,
      new Map(),
    )
    .option('--set <property=value>', 'a property, as by SET; may be repeated', pair, new Map())
    .addHelpText(
      'after',
      `
For example:
  $ edgelog sql
  $ edgelog sql -e "SHOW STREAMS; SELECT * FROM visits WHERE page = '/';"
  $ edgelog sql -f schema.sql --define topic=clicks
  $ edgelog sql --set auto.offset.reset=earliest -e 'SELECT * FROM clicks EMIT CHANGES' --output json
The first statement that is refused ends the run. Ctrl-C ends a query; at the prompt, the prompt goes on.`,
    )
    .action(async (options: SqlOptions, command: Command) => {
      await withClient(command, async (client) => {
        const output = new SqlOutput(process.stdout, options.output)
        const session = new SqlSession(client, output, options.set, options.define)
        const script = await scriptOf(options)
        if (script !== undefined) await runScript(session, script)
        else await openPrompt(session, command)
      })
    })
}

function pair(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('Must be a name, = and a value.')
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]])
}

/** Returns the statements to run; undefined if they come from a terminal. */
async function scriptOf({ execute, file }: SqlOptions): Promise<string | undefined> {
  if (execute !== undefined) return execute
  if (file !== undefined && file !== '-') return await readFile(file, 'utf8')
  if (file === undefined && process.stdin.isTTY === true) return undefined
  return await text(process.stdin)
}

async function runScript(session: SqlSession, script: string): Promise<void> {
  const { signal, release } = interruption()
  try {
    await session.runScript(script, signal)
  } catch (error) {
    if (!(error instanceof FailedStatement)) throw error
    console.error(showError(error.cause, error.text))
    process.exitCode = EXIT.failed
  } finally {
    release()
  }
}

async function openPrompt(session: SqlSession, command: Command): Promise<void> {
  const server = serverOf(command)
  const parts = {
    ...{ session, url: server.url, completion: new SqlCompletion() },
    history: await SqlHistory.open(historyPath()),
    connect: (url: string) => connect({ ...server, url }),
  }
  const streams = { input: process.stdin, output: process.stdout, isTerminal: true }
  console.log(`edgelog SQL at ${server.url}: statements end with ";", help shows more`)
  try {
    await new SqlPrompt(parts, streams).run()
  } finally {
    await session.client.close()
  }
}
