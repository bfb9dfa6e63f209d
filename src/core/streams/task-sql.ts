/**
 * The rows of a task, as SQL statements: the same for the SQLite of an object and that of Node.
 */
import { concatenate } from '../bytes/concatenate.ts'
import { TURN_PART_BYTES } from './limits.ts'
import { bytesOfKey, keyOfBytes } from './stores/leaf.ts'
import type { Checkpoint, FoundLeaf, LeafSource } from './stores/leaf-source.ts'
import type { TurnCommit } from './task-process.ts'

export type SqlValue = string | number | Uint8Array | null
export type SqlRow = Record<string, unknown>

/** Runs a statement, and returns its rows. Blobs are an `ArrayBuffer` or a `Uint8Array`. */
export type RunSql = (statement: string, ...values: SqlValue[]) => SqlRow[]

/** Returns the statements that create the tables of a task. Without rowid: with one, a write counts as two rows. */
export function taskTables(suffix = ''): string {
  return `CREATE TABLE turn${suffix} (
     turn INTEGER NOT NULL,
     part INTEGER NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (turn, part)
   ) WITHOUT ROWID;
   CREATE TABLE leaf${suffix} (
     store TEXT NOT NULL,
     segment INTEGER NOT NULL,
     first_key BLOB NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (store, segment, first_key)
   ) WITHOUT ROWID`
}

export class TaskRows implements LeafSource {
  readonly #run: RunSql
  readonly #turn: string
  readonly #leaf: string

  /** @param suffix of the names of the tables, where several tasks share a database. */
  constructor(run: RunSql, suffix = '') {
    this.#run = run
    this.#turn = `turn${suffix}`
    this.#leaf = `leaf${suffix}`
  }

  /** Stores a turn. The caller runs it in a transaction. */
  commit({ turn, bytes, checkpoint, forgetBelow }: TurnCommit): void {
    for (let part = 0; part * TURN_PART_BYTES < bytes.length; part++) {
      const some = bytes.slice(part * TURN_PART_BYTES, (part + 1) * TURN_PART_BYTES)
      this.#run(`INSERT INTO ${this.#turn} (turn, part, bytes) VALUES (?, ?, ?)`, turn, part, some)
    }
    if (checkpoint === undefined) return
    this.#storeLeaves(checkpoint)
    this.#run(`DELETE FROM ${this.#turn} WHERE turn < ?`, forgetBelow)
  }

  /** Returns the stored turns, in their order. */
  turns(): Uint8Array[] {
    const parts = new Map<number, Uint8Array[]>()
    for (const row of this.#run(`SELECT turn, bytes FROM ${this.#turn} ORDER BY turn, part`)) {
      const turn = row.turn as number
      const list = parts.get(turn) ?? []
      parts.set(turn, list)
      list.push(bytesOf(row.bytes))
    }
    return [...parts.values()].map(
      (list) => (list.length === 1 ? list[0] : concatenate(list)) as Uint8Array,
    )
  }

  find(store: string, segment: number, key: string): FoundLeaf {
    const at = bytesOfKey(key)
    const [leaf] = this.#run(
      `SELECT first_key, bytes FROM ${this.#leaf} WHERE store = ? AND segment = ? AND first_key <= ?
       ORDER BY first_key DESC LIMIT 1`,
      ...[store, segment, at],
    )
    const [next] = this.#run(
      `SELECT first_key FROM ${this.#leaf} WHERE store = ? AND segment = ? AND first_key > ?
       ORDER BY first_key LIMIT 1`,
      ...[store, segment, at],
    )
    const nextFirstKey = next === undefined ? null : keyOfBytes(bytesOf(next.first_key))
    if (leaf === undefined) return { nextFirstKey }
    const firstKey = keyOfBytes(bytesOf(leaf.first_key))
    return { leaf: { firstKey, bytes: bytesOf(leaf.bytes) }, nextFirstKey }
  }

  segments(store: string): number[] {
    return this.#run(
      `SELECT DISTINCT segment FROM ${this.#leaf} WHERE store = ? ORDER BY segment`,
      store,
    ).map(({ segment }) => segment as number)
  }

  #storeLeaves({ leaves, drops }: Checkpoint): void {
    for (const { store, segment, firstKey, bytes } of leaves) {
      const at = [store, segment, bytesOfKey(firstKey)] as const
      if (bytes === null) {
        this.#run(
          `DELETE FROM ${this.#leaf} WHERE store = ? AND segment = ? AND first_key = ?`,
          ...at,
        )
      } else {
        this.#run(
          `INSERT INTO ${this.#leaf} (store, segment, first_key, bytes) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET bytes = excluded.bytes`,
          ...at,
          bytes,
        )
      }
    }
    for (const { store, belowSegment } of drops) {
      this.#run(`DELETE FROM ${this.#leaf} WHERE store = ? AND segment < ?`, store, belowSegment)
    }
  }
}

function bytesOf(blob: unknown): Uint8Array {
  return blob instanceof Uint8Array ? blob : new Uint8Array(blob as ArrayBuffer)
}
