/** Runs the examples of docs/SQL.md as the command line does. Behind a statement stands what it prints. */
import { takeStatements } from '../../client/cli/sql/input.ts'
import { SqlOutput } from '../../client/cli/sql/output.ts'
import { SqlSession } from '../../client/cli/sql/session.ts'
import type { Client } from '../../client/index.ts'

export interface DocumentedStatement {
  readonly heading: string
  readonly text: string
  /** The lines behind it; empty if it only has to succeed. */
  readonly printed: string
}

const BLOCK = /^#+ (.*)$|^```sql run\n([\s\S]*?)^```$/gm
const OUTPUT = /^(?:\n?-- ?.*(?:\n|$))+/

/** Returns the statements of the blocks of `sql run`. */
export function statementsOf(document: string): DocumentedStatement[] {
  const found: DocumentedStatement[] = []
  let heading = ''
  for (const [, title, code] of document.matchAll(BLOCK)) {
    if (title !== undefined) heading = title
    let rest = code ?? ''
    while (rest.trim() !== '') {
      const [text = ''] = takeStatements(rest).statements
      if (text === '') throw new Error(`below "${heading}": a statement has no end: ${rest}`)
      const behind = rest.slice(rest.indexOf(text) + text.length).replace(/^\n/, '')
      const printed = OUTPUT.exec(behind)?.[0] ?? ''
      rest = behind.slice(printed.length)
      found.push({ heading, text, printed: printed.replaceAll(/^-- ?/gm, '').trimEnd() })
    }
  }
  return found
}

/** Runs statements in one session. */
export class DocumentSession {
  readonly #session: SqlSession
  #text = ''

  constructor(log: Client) {
    const write = (text: string, done?: () => void) => {
      this.#text += text
      done?.()
    }
    this.#session = new SqlSession(log, new SqlOutput({ write }, 'table'), new Map(), new Map())
  }

  /** Runs a statement. @returns what it prints */
  async run(text: string, signal: AbortSignal): Promise<string> {
    this.#text = ''
    try {
      await this.#session.run(text, signal)
    } catch (error) {
      throw new Error(`${text}\n${String((error as Error).cause)}`)
    }
    return this.#text.trimEnd()
  }
}
