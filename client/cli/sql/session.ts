/** Runs statements one after the other, and keeps what SET and DEFINE changed. */
import { readFile } from 'node:fs/promises'
import type { Client, SqlStatementResult } from '../../index.ts'
import { SQL_SCRIPT_DEPTH_MAX } from '../limits.ts'
import { count } from '../table.ts'
import { isBlank, parseCommand, takeStatements } from './input.ts'
import type { SqlOutput } from './output.ts'
import { showResult } from './show-result.ts'

/** A statement that failed, with its text, which has the place of the fault. */
export class FailedStatement extends Error {
  readonly text: string

  constructor(text: string, cause: unknown) {
    super('the statement failed', { cause })
    this.text = text
  }
}

export class SqlSession {
  readonly output: SqlOutput
  readonly properties: Map<string, string>
  readonly variables: Map<string, string>
  client: Client

  constructor(
    client: Client,
    output: SqlOutput,
    properties: ReadonlyMap<string, string>,
    variables: ReadonlyMap<string, string>,
  ) {
    this.client = client
    this.output = output
    this.properties = new Map(properties)
    this.variables = new Map(variables)
  }

  /**
   * Runs the statements of a script; the first one that fails ends it. The last one needs no `;`.
   *
   * @throws {FailedStatement}
   */
  async runScript(text: string, signal: AbortSignal, depth = 0): Promise<void> {
    const { statements, rest } = takeStatements(text)
    const all = isBlank(rest) ? statements : [...statements, `${rest.trim()};`]
    for (const statement of all) {
      if (signal.aborted) return
      await this.run(statement, signal, depth)
    }
  }

  /**
   * Runs one statement, or a command that scripts may have.
   *
   * @throws {FailedStatement}
   */
  async run(text: string, signal: AbortSignal, depth = 0): Promise<void> {
    try {
      const command = parseCommand(text)
      if (command === undefined) await this.#send(text, signal)
      else if (command.kind === 'run-script') await this.#runFile(command.path, signal, depth)
      else if (command.kind === 'output' && command.format !== undefined) {
        this.output.format = command.format
      } else if (command.kind === 'spool') this.output.spoolTo(command.path)
      else throw new Error(`${command.kind}: is a command of the prompt only`)
    } catch (error) {
      if (error instanceof FailedStatement) throw error
      throw new FailedStatement(text, error)
    }
  }

  async #runFile(path: string, signal: AbortSignal, depth: number): Promise<void> {
    if (depth >= SQL_SCRIPT_DEPTH_MAX) {
      throw new Error(`run script: at most ${SQL_SCRIPT_DEPTH_MAX} scripts within one another`)
    }
    await this.runScript(await readFile(path, 'utf8'), signal, depth + 1)
  }

  async #send(text: string, signal: AbortSignal): Promise<void> {
    try {
      const result = await this.client.sql(text, {
        properties: Object.fromEntries(this.properties),
        variables: Object.fromEntries(this.variables),
        exactNumbers: true,
        signal,
      })
      for (const one of result.statements) await this.#show(one)
      if (result.queryId === undefined) return
      const isLive = /\bEMIT\s+(CHANGES|FINAL)\b|^\s*PRINT\b/i.test(text)
      const rows = await this.output.query(result, isLive)
      if (this.output.format === 'table' && Number.isFinite(this.output.width)) {
        await this.output.line(count(rows, 'row'))
      }
    } catch (error) {
      // Ctrl-C ends a query as LIMIT does.
      if (!signal.aborted) throw error
    }
  }

  async #show(result: SqlStatementResult): Promise<void> {
    if (result.kind === 'session') this.#change(result)
    await this.output.result(result, showResult(result))
  }

  #change(result: SqlStatementResult): void {
    const { change, name, value } = result as SqlStatementResult & SessionChange
    const values = change === 'define' || change === 'undefine' ? this.variables : this.properties
    if (value === undefined) values.delete(name)
    else values.set(name, value)
  }
}

interface SessionChange {
  readonly change: 'set' | 'unset' | 'define' | 'undefine'
  readonly name: string
  readonly value?: string
}
