/** The prompt of `edgelog sql`: reads statements over several lines, and runs them. */
import { createInterface, type Interface } from 'node:readline'
import type { Client } from '../../index.ts'
import { SQL_HISTORY_MAX, SQL_INPUT_LENGTH_MAX } from '../limits.ts'
import type { SqlCompletion } from './completion.ts'
import { historyLine, type SqlHistory } from './history.ts'
import { isBlank, type PromptCommand, parseCommand, takeStatements } from './input.ts'
import { FailedStatement, type SqlSession } from './session.ts'
import { showError } from './show-error.ts'

const PROMPT = 'sql> '
const CONTINUED = '...> '

const HELP = `Statements end with ";" and may have several lines. Ctrl-C ends a query, or clears the line.
  SHOW STREAMS; SHOW TABLES; SHOW TOPICS; SHOW QUERIES; SHOW FUNCTIONS;
  DESCRIBE name; EXPLAIN query; PRINT 'topic' FROM BEGINNING LIMIT 10;
  SELECT * FROM name EMIT CHANGES;         rows as they change, until Ctrl-C
  SET 'auto.offset.reset' = 'earliest';    queries with EMIT CHANGES begin with the first record
  DEFINE name = 'value';                   replaces \${name} in later statements
Commands of the prompt:
  help, exit (or Ctrl-D), history
  output [table | json | csv]              shows or sets how results are printed
  server [URL]                             shows or changes the server
  spool FILE, spool off                    copies results to a file
  run script 'FILE'                        runs the statements of a file`

export interface PromptStreams {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  readonly isTerminal: boolean
}

export interface PromptParts {
  readonly session: SqlSession
  readonly history: SqlHistory
  readonly completion: SqlCompletion
  /** Returns a client for another server. */
  readonly connect: (url: string) => Client
  readonly url: string
}

export class SqlPrompt {
  readonly #parts: PromptParts
  readonly #lines: Interface
  #url: string
  #isClosed = false
  /** The lines of a statement that has no end yet. */
  #begun = ''
  #linesBegun = 0
  #running: AbortController | undefined
  /** The history of the terminal, the latest line first. */
  #entries: string[] = []

  constructor(parts: PromptParts, { input, output, isTerminal }: PromptStreams) {
    this.#parts = parts
    this.#url = parts.url
    this.#lines = createInterface({
      ...{ input, output, terminal: isTerminal, historySize: SQL_HISTORY_MAX },
      ...{ history: [...parts.history.statements].reverse(), prompt: PROMPT },
      completer: (line: string) => parts.completion.complete(line, this.#begun === ''),
    })
    this.#lines.on('history', (entries) => {
      this.#entries = entries
    })
    this.#lines.on('SIGINT', () => this.#interrupt())
    this.#lines.on('close', () => {
      this.#isClosed = true
      this.#running?.abort()
    })
  }

  /** Reads and runs until `exit`, or the end of the input. */
  async run(): Promise<void> {
    this.#refreshNames()
    this.#lines.prompt()
    for await (const line of this.#lines) {
      if ((await this.#take(line)) || this.#isClosed) break
      this.#lines.setPrompt(this.#begun === '' ? PROMPT : CONTINUED)
      this.#lines.prompt()
    }
    this.#lines.close()
  }

  /** Takes a line. @returns whether it ends the prompt */
  async #take(line: string): Promise<boolean> {
    if (this.#begun === '') {
      const command = this.#commandOf(line)
      if (command === 'wrong') return false
      if (command !== undefined) return await this.#command(command, line)
    }
    const text = this.#begun === '' ? line : `${this.#begun}\n${line}`
    if (text.length > SQL_INPUT_LENGTH_MAX) {
      this.#forget()
      console.error(`edgelog: a statement has more than ${SQL_INPUT_LENGTH_MAX} characters`)
      return false
    }
    const { statements, rest } = takeStatements(text)
    this.#linesBegun++
    this.#begun = isBlank(rest) ? '' : rest
    if (statements.length > 0) await this.#remember(statements)
    for (const statement of statements) if (!(await this.#runOne(statement))) break
    return false
  }

  #commandOf(line: string): PromptCommand | 'wrong' | undefined {
    try {
      return parseCommand(line)
    } catch (error) {
      console.error(showError(error, line))
      return 'wrong'
    }
  }

  /** Carries out a command. @returns whether it ends the prompt */
  async #command(command: PromptCommand, line: string): Promise<boolean> {
    const { session, history } = this.#parts
    const { output } = session
    switch (command.kind) {
      case 'exit':
        return true
      case 'help':
        await output.line(HELP)
        return false
      case 'history':
        await output.line(history.statements.map((one, index) => `${index + 1}  ${one}`).join('\n'))
        return false
      case 'server':
        if (command.url === undefined) await output.line(this.#url)
        else await this.#connect(command.url)
        return false
      default:
        if (command.kind === 'output' && command.format === undefined) {
          await output.line(output.format)
        } else await this.#runOne(line)
        return false
    }
  }

  async #connect(url: string): Promise<void> {
    const { session, connect } = this.#parts
    try {
      const client = connect(url)
      await session.client.close()
      session.client = client
      this.#url = url
      this.#refreshNames()
    } catch (error) {
      console.error(showError(error, ''))
    }
  }

  /** Runs a statement. @returns whether it was carried out, and not ended by Ctrl-C */
  async #runOne(text: string): Promise<boolean> {
    const { session } = this.#parts
    const running = new AbortController()
    this.#running = running
    try {
      await session.run(text, running.signal)
      if (/^\s*(CREATE|DROP|RUN)\b/i.test(text)) this.#refreshNames()
      return !running.signal.aborted
    } catch (error) {
      if (!(error instanceof FailedStatement)) throw error
      console.error(showError(error.cause, error.text))
      return false
    } finally {
      this.#running = undefined
    }
  }

  /** Keeps statements in the history, as a line in place of the several that they had. */
  async #remember(statements: readonly string[]): Promise<void> {
    const line = historyLine(statements.join(' '))
    this.#entries.splice(0, Math.min(this.#linesBegun, this.#entries.length), line)
    this.#linesBegun = 0
    try {
      await this.#parts.history.add(line)
    } catch (error) {
      console.error(`edgelog: the history is not kept: ${(error as Error).message}`)
    }
  }

  /** Ends the query that runs. Without one, it clears what was typed. */
  #interrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort()
      return
    }
    const isEmpty = this.#begun === '' && this.#lines.line === ''
    console.error(isEmpty ? '\n(exit or Ctrl-D ends the prompt)' : '^C')
    this.#forget()
    this.#lines.write(null, { ctrl: true, name: 'e' })
    this.#lines.write(null, { ctrl: true, name: 'u' })
    this.#lines.setPrompt(PROMPT)
    this.#lines.prompt()
  }

  #forget(): void {
    this.#begun = ''
    this.#linesBegun = 0
  }

  /** Looks up names in the background; without a server there are none to complete. */
  #refreshNames(): void {
    const { session, completion } = this.#parts
    completion.refresh(session.client, AbortSignal.timeout(5_000)).catch(() => undefined)
  }
}
