/**
 * A state folder as text: the SQL of each database, of objects and of R2, and R2's bytes, so that a state of an earlier
 * release can be read in a review. `node test/upgrade/state-dump.ts STATE FILE` writes the state of a stopped server.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface StateDump {
  /** The release that wrote the state. */
  readonly release: string
  readonly writtenAtMs: number
  readonly databases: readonly DatabaseDump[]
  /** The bytes of objects in R2; missing in states that have none. */
  readonly blobs?: ReadonlyArray<{ readonly path: string; readonly base64: string }>
}

interface DatabaseDump {
  /** Path within the state folder. */
  readonly path: string
  readonly schema: readonly string[]
  readonly rows: readonly TableRows[]
}

interface TableRows {
  readonly table: string
  readonly rows: ReadonlyArray<Record<string, Cell>>
}

/** Numbers that JSON would round are `{ int64 }`. */
type Cell = string | number | null | { readonly base64: string } | { readonly int64: string }

const DAY_MS = 86_400_000

const DATABASE = /^(do|r2)\/.*\.sqlite$/
const BLOB = /^r2\/.*\/blobs\/[^/]+$/

/** SQLite's own tables. */
const SKIPPED = /^sqlite_/

export async function dumpState(stateDir: string, release: string): Promise<StateDump> {
  const names = await readdir(stateDir, { recursive: true })
  const paths = names.filter((name) => DATABASE.test(name)).sort()
  const databases = paths.map((path) => dumpDatabase(stateDir, path))
  const kept = databases.filter(({ schema }) => schema.length > 0)
  const blobs = await Promise.all(
    names
      .filter((name) => BLOB.test(name))
      .sort()
      .map(async (path) => ({ path, base64: await readFile(join(stateDir, path), 'base64') })),
  )
  return { release, writtenAtMs: Date.now(), databases: kept, blobs }
}

function dumpDatabase(stateDir: string, path: string): DatabaseDump {
  const database = new DatabaseSync(join(stateDir, path))
  try {
    const objects = database
      .prepare('SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid')
      .all() as Array<{ type: string; name: string; sql: string }>
    const kept = objects.filter(({ name }) => !SKIPPED.test(name))
    const rows = kept
      .filter(({ type }) => type === 'table')
      .map(({ name }) => ({
        table: name,
        rows: readRows(database, name),
      }))
    return { path, schema: kept.map(({ sql }) => sql), rows }
  } finally {
    database.close()
  }
}

/** Writes the databases of a dump to a new state folder. */
export async function restoreState(dump: StateDump, stateDir: string): Promise<void> {
  for (const { path, schema, rows } of dump.databases) {
    const file = join(stateDir, path)
    await mkdir(dirname(file), { recursive: true })
    const database = new DatabaseSync(file)
    for (const statement of schema) database.exec(statement)
    for (const { table, rows: all } of rows) {
      for (const row of all) {
        const columns = Object.keys(row)
        const marks = columns.map(() => '?').join(', ')
        const names = columns.map((name) => `"${name}"`).join(', ')
        database
          .prepare(`INSERT INTO "${table}" (${names}) VALUES (${marks})`)
          .run(...Object.values(row).map(decodeCell))
      }
    }
    database.close()
  }
  for (const { path, base64 } of dump.blobs ?? []) {
    await mkdir(dirname(join(stateDir, path)), { recursive: true })
    await writeFile(join(stateDir, path), base64, 'base64')
  }
}

/**
 * Reads a dump as if it had been written now; otherwise producers and offsets that are kept for some days would expire.
 * Moves the times within a day of the dump's own, in ms and in the runtime's ns.
 */
export async function readDump(file: string): Promise<StateDump> {
  const text = await readFile(file, 'utf8')
  const { writtenAtMs } = JSON.parse(text) as StateDump
  const aheadMs = Date.now() - writtenAtMs
  const moved = text.replaceAll(/\b\d{13}(?:\d{6})?\b/g, (time) => {
    const isNear = Math.abs(Number(time.slice(0, 13)) - writtenAtMs) < DAY_MS
    return isNear ? `${Number(time.slice(0, 13)) + aheadMs}${time.slice(13)}` : time
  })
  return JSON.parse(moved) as StateDump
}

function readRows(database: DatabaseSync, table: string): Record<string, Cell>[] {
  const statement = database.prepare(`SELECT * FROM "${table}"`)
  statement.setReadBigInts(true)
  return statement.all().map((row) => {
    const cells = Object.entries(row).map(([name, cell]) => [name, encodeCell(cell)])
    return Object.fromEntries(cells)
  })
}

function encodeCell(cell: string | number | bigint | null | Uint8Array): Cell {
  if (cell instanceof Uint8Array) return { base64: Buffer.from(cell).toString('base64') }
  if (typeof cell !== 'bigint') return cell
  return Number.isSafeInteger(Number(cell)) ? Number(cell) : { int64: String(cell) }
}

function decodeCell(cell: Cell): string | number | bigint | null | Uint8Array {
  if (typeof cell !== 'object' || cell === null) return cell
  return 'int64' in cell ? BigInt(cell.int64) : Buffer.from(cell.base64, 'base64')
}

if (process.argv[1] === import.meta.filename) {
  const [stateDir, file, release] = process.argv.slice(2)
  if (stateDir === undefined || file === undefined || release === undefined) {
    throw new Error('usage: state-dump.ts STATE FILE RELEASE')
  }
  await writeFile(file, `${JSON.stringify(await dumpState(stateDir, release), null, 1)}\n`)
}
