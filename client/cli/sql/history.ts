/** The statements of earlier prompts, in a file of the user. */
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { SQL_HISTORY_LENGTH_MAX, SQL_HISTORY_MAX } from '../limits.ts'

/** Returns the path of the file: in the folder for states of the XDG specification. */
export function historyPath(env: NodeJS.ProcessEnv = process.env): string {
  const { XDG_STATE_HOME: given } = env
  const folder = given !== undefined && given !== '' ? given : join(homedir(), '.local', 'state')
  return join(folder, 'edgelog', 'sql-history')
}

export class SqlHistory {
  readonly #path: string
  /** The latest one last. */
  readonly #statements: string[]

  private constructor(path: string, statements: string[]) {
    this.#path = path
    this.#statements = statements
  }

  /** Opens a file, which need not exist, and shortens one that has become long. */
  static async open(path: string): Promise<SqlHistory> {
    let text = ''
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    const all = text.split('\n').filter((line) => line !== '')
    const kept = all.slice(-SQL_HISTORY_MAX)
    if (all.length > 2 * SQL_HISTORY_MAX) {
      await writeFile(`${path}.new`, `${kept.join('\n')}\n`, { mode: 0o600 })
      await rename(`${path}.new`, path)
    }
    return new SqlHistory(path, kept)
  }

  get statements(): readonly string[] {
    return this.#statements
  }

  /** Adds a statement, as one line. A long one is left out, and so is one like the last. */
  async add(text: string): Promise<void> {
    const line = historyLine(text)
    if (line === '' || line.length > SQL_HISTORY_LENGTH_MAX) return
    if (line === this.#statements.at(-1)) return
    this.#statements.push(line)
    if (this.#statements.length > SQL_HISTORY_MAX) this.#statements.shift()
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    // Statements may have values that are secret.
    await appendFile(this.#path, `${line}\n`, { mode: 0o600 })
  }
}

/** Returns a statement as one line; a comment would make the rest of the line a comment. */
export function historyLine(text: string): string {
  return text
    .replaceAll(/('(?:[^']|'')*'|"[^"]*"|`[^`]*`)|--[^\n]*/g, (_, quoted) => quoted ?? '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim()
}
