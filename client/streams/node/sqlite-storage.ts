/**
 * Stores a topology in a file, by Node's own SQLite. The process that has it open holds its lock.
 *
 * | table              | row                                                                                |
 * | ------------------ | ---------------------------------------------------------------------------------- |
 * | `turn_S_P`         | as in the object of a task: a part of one turn of the task `S_P`                   |
 * | `leaf_S_P`         | adjacent keys of one store                                                         |
 * | `setting`          | `plan`, and for each task the producer id                                          |
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { TurnCommit } from '../../../src/core/streams/task-process.ts'
import {
  type SqlRow,
  type SqlValue,
  TaskRows,
  taskTables,
} from '../../../src/core/streams/task-sql.ts'
import { randomProducerId } from '../../producer-id.ts'
import type { StoredTask } from '../runner/task-runner.ts'
import { STORED_PLAN, type TaskPlace, type TopologyPlan } from '../runner/topology-plan.ts'
import type { TopologyStorage } from './storage.ts'

/** Version of the tables, in SQLite's `user_version`. */
const SCHEMA_VERSION = 1

export class SqliteStorage implements TopologyStorage {
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #tasks = new Map<string, TaskRows>()

  /**
   * Opens a file, or creates it.
   *
   * @throws {EdgelogError} `invalid_config` for a file that another process uses or a later release wrote, and where
   * Node has no SQLite.
   */
  constructor(file: string) {
    this.#file = file
    this.#database = openDatabase(file)
    try {
      this.#migrate()
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  loadPlan(): TopologyPlan | undefined {
    const plan = this.#setting('plan')
    return plan === undefined ? undefined : STORED_PLAN.decode(plan)
  }

  savePlan(plan: TopologyPlan): void {
    this.#transaction(() => this.#set('plan', STORED_PLAN.encode(plan)))
  }

  open({ name }: TaskPlace): StoredTask {
    const found = this.#run("SELECT 1 FROM sqlite_master WHERE name = 'turn_' || ?", name)
    if (found.length === 0) {
      this.#transaction(() => {
        this.#database.exec(taskTables(`_${name}`))
        this.#set(`producer ${name}`, String(randomProducerId()))
      })
    }
    const rows = new TaskRows((statement, ...values) => this.#run(statement, ...values), `_${name}`)
    this.#tasks.set(name, rows)
    const producerId = BigInt(this.#setting(`producer ${name}`) as string)
    return { leaves: rows, turns: rows.turns(), producerId }
  }

  commit({ name }: TaskPlace, commit: TurnCommit): void {
    this.#transaction(() => (this.#tasks.get(name) as TaskRows).commit(commit))
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #migrate(): void {
    const [row] = this.#run('PRAGMA user_version')
    const version = Number(row?.user_version)
    if (version > SCHEMA_VERSION) {
      throw misfit(this.#file, `was written by a later release: its version is ${version}`)
    }
    if (version === SCHEMA_VERSION) return
    this.#transaction(() => {
      this.#database.exec(`CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        PRAGMA user_version = ${SCHEMA_VERSION}`)
    })
  }

  #setting(key: string): string | undefined {
    const [row] = this.#run('SELECT value FROM setting WHERE key = ?', key)
    return row?.value as string | undefined
  }

  #set(key: string, value: string): void {
    const statement = `INSERT INTO setting (key, value) VALUES (?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value`
    this.#run(statement, key, value)
  }

  /** @throws {EdgelogError} `storage_failed`; nothing is stored then. */
  #transaction(work: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      work()
      this.#database.exec('COMMIT')
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new EdgelogError('storage_failed', `${this.#file}: ${why}`, { cause })
    }
  }

  #run(text: string, ...values: SqlValue[]): SqlRow[] {
    const statement = this.#statements.get(text) ?? this.#database.prepare(text)
    this.#statements.set(text, statement)
    return statement.all(...values)
  }
}

/** Opens a database that is locked from now on: the lock ends with the process. */
function openDatabase(file: string): DatabaseSync {
  const process: NodeJS.Process | undefined = globalThis.process
  // Not an import: bundlers for other platforms would not find the module.
  const sqlite = process?.getBuiltinModule?.('node:sqlite')
  if (sqlite === undefined) {
    const why = `this is ${process?.version ?? 'not Node'}, which has no node:sqlite`
    throw new EdgelogError('invalid_config', `storage: a file needs Node 22.13 or later; ${why}`)
  }
  let database: DatabaseSync | undefined
  try {
    database = new sqlite.DatabaseSync(file)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT')
    return database
  } catch (cause) {
    database?.close()
    const why = cause instanceof Error ? cause.message : String(cause)
    const isLocked = why.includes('locked')
    throw misfit(file, isLocked ? 'is in use: one process runs an application' : why, cause)
  }
}

function misfit(file: string, why: string, cause?: unknown): EdgelogError {
  return new EdgelogError('invalid_config', `storage: the file ${file} ${why}`, { cause })
}
