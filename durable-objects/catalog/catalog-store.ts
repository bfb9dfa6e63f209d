/** The rows of the catalog, and what they say in memory. */
import { utf8Length } from '../../src/core/bytes/utf8-length.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import type {
  CatalogChanges,
  CatalogCommit,
  PendingEffect,
} from '../../src/core/sql/catalog/catalog-api.ts'
import type { CatalogQuery, CatalogState } from '../../src/core/sql/catalog/catalog-state.ts'
import { isSuperseded } from '../../src/core/sql/catalog/pending-effects.ts'
import type { Source } from '../../src/core/sql/catalog/source.ts'
import {
  CATALOG_BYTES_MAX,
  CATALOG_ROW_BYTES_MAX,
  PENDING_EFFECTS_MAX,
} from '../../src/core/sql/limits.ts'
import type { SqlType } from '../../src/core/sql/types/sql-type.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

const FORMS = {
  sources: new StoredForm<Source>('a source'),
  types: new StoredForm<{ readonly type: SqlType }>('a type'),
  queries: new StoredForm<CatalogQuery>('a query'),
}
const EFFECT = new StoredForm<Omit<PendingEffect, 'number' | 'error'>>('an effect')
const SEQUENCE = new StoredForm<{ readonly sequence: number; readonly commitId?: string }>(
  'the sequence of the catalog',
)

const NEW = { sequence: 0, commitId: undefined }

type EntryKind = keyof typeof FORMS
const KINDS = ['sources', 'types', 'queries'] as const satisfies EntryKind[]

interface EntryRow extends Record<string, SqlStorageValue> {
  readonly kind: EntryKind
  readonly name: string
  readonly value: string
}

interface ChangedRow {
  readonly kind: EntryKind
  readonly name: string
  /** Null: the row is deleted. */
  readonly value: string | null
  readonly sizeBytes: number
}

export class CatalogStore {
  readonly #storage: DurableObjectStorage
  #state: CatalogState
  #pending: PendingEffect[]
  #commitId: string | undefined
  /** Bytes of each entry. */
  #sizes: Map<string, number>

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    const { sql } = storage
    const entries = sql.exec<EntryRow>('SELECT kind, name, value FROM entry').toArray()
    const [setting] = sql
      .exec<{ value: string }>(`SELECT value FROM setting WHERE key = 'sequence'`)
      .toArray()
    const rows = <Row extends object>(wanted: EntryKind, form: StoredForm<Row>) =>
      entries
        .filter(({ kind }) => kind === wanted)
        .map(({ name, value }) => [name, form.decode(value)] as const)
    const { sequence, commitId } = setting === undefined ? NEW : SEQUENCE.decode(setting.value)
    this.#commitId = commitId
    const types = rows('types', FORMS.types).map(([name, { type }]) => [name, type] as const)
    this.#state = {
      sequence,
      sources: Object.fromEntries(rows('sources', FORMS.sources)),
      types: Object.fromEntries(types),
      queries: Object.fromEntries(rows('queries', FORMS.queries)),
    }
    this.#sizes = new Map(
      entries.map(({ kind, name, value }) => [`${kind} ${name}`, utf8Length(value)]),
    )
    this.#pending = sql
      .exec<{ number: number; value: string }>('SELECT number, value FROM effect ORDER BY number')
      .toArray()
      .map(({ number, value }) => ({ number, ...EFFECT.decode(value) }))
  }

  get state(): CatalogState {
    return this.#state
  }

  /** The latest commit; undefined: there is none, or an earlier release stored it. */
  get commitId(): string | undefined {
    return this.#commitId
  }

  /** In the order in which they are carried out. */
  get pending(): readonly PendingEffect[] {
    return this.#pending
  }

  /**
   * Stores the changes and effects of a statement, all or none.
   *
   * @returns the new sequence.
   * @throws {EdgelogError} `policy_violation`, `throttled`.
   */
  commit({ id, changes, effects }: Omit<CatalogCommit, 'sequence'>): number {
    const sequence = this.#state.sequence + 1
    const kept = this.#pending.filter(
      ({ effect }) => !effects.some((later) => isSuperseded(effect, later)),
    )
    if (kept.length + effects.length > PENDING_EFFECTS_MAX) {
      const why = `${kept.length} effects of earlier statements are not carried out yet`
      throw new EdgelogError('throttled', `statement: ${why}; try again later`)
    }
    const lastNumber = this.#pending.at(-1)?.number ?? 0
    const added = effects.map((effect, index) => ({
      ...{ number: lastNumber + index + 1, sequence, effect },
    }))
    const rows = this.#rowsOf(changes)
    const sizes = this.#sizesAfter(rows)
    this.#storage.transactionSync(() => {
      for (const row of rows) this.#writeEntry(row)
      this.#replaceEffects(kept, added)
      this.#storage.sql.exec(
        `INSERT INTO setting (key, value) VALUES ('sequence', ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        SEQUENCE.encode({ sequence, commitId: id }),
      )
    })
    this.#sizes = sizes
    this.#commitId = id
    this.#pending = [...kept, ...added]
    this.#state = {
      sequence,
      sources: withRows(this.#state.sources, changes.sources),
      types: withRows(this.#state.types, changes.types),
      queries: withRows(this.#state.queries, changes.queries),
    }
    return sequence
  }

  /** Removes an effect that was carried out. */
  done(number: number): void {
    this.#storage.sql.exec('DELETE FROM effect WHERE number = ?', number)
    this.#pending = this.#pending.filter((one) => one.number !== number)
  }

  /** Notes why an effect failed; in memory only, since it is tried again after a restart. */
  failed(number: number, error: string): void {
    this.#pending = this.#pending.map((one) => (one.number === number ? { ...one, error } : one))
  }

  #rowsOf(changes: CatalogChanges): ChangedRow[] {
    return KINDS.flatMap((kind) =>
      Object.entries(changes[kind]).map(([name, row]) => {
        if (row === null) return { kind, name, value: null, sizeBytes: 0 }
        const value = FORMS[kind].encode((kind === 'types' ? { type: row } : row) as never)
        const sizeBytes = utf8Length(value)
        if (sizeBytes <= CATALOG_ROW_BYTES_MAX) return { kind, name, value, sizeBytes }
        const why = `${sizeBytes} bytes with its sources; at most ${CATALOG_ROW_BYTES_MAX} are allowed`
        throw new EdgelogError('policy_violation', `${name}: ${why}`)
      }),
    )
  }

  /** Returns the bytes of each entry after a change. @throws {EdgelogError} `policy_violation`. */
  #sizesAfter(rows: readonly ChangedRow[]): Map<string, number> {
    const sizes = new Map(this.#sizes)
    for (const { kind, name, sizeBytes } of rows) sizes.set(`${kind} ${name}`, sizeBytes)
    const sum = [...sizes.values()].reduce((all, one) => all + one, 0)
    if (sum <= CATALOG_BYTES_MAX) return sizes
    const why = `${sum} bytes; at most ${CATALOG_BYTES_MAX} are allowed; drop what is not needed`
    throw new EdgelogError('policy_violation', `catalog: ${why}`)
  }

  #writeEntry({ kind, name, value }: ChangedRow): void {
    const { sql } = this.#storage
    if (value === null) sql.exec('DELETE FROM entry WHERE kind = ? AND name = ?', kind, name)
    else {
      sql.exec(
        `INSERT INTO entry (kind, name, value) VALUES (?, ?, ?)
         ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value`,
        ...[kind, name, value],
      )
    }
  }

  #replaceEffects(kept: readonly PendingEffect[], added: readonly PendingEffect[]): void {
    const { sql } = this.#storage
    for (const { number } of this.#pending) {
      const isKept = kept.some((one) => one.number === number)
      if (!isKept) sql.exec('DELETE FROM effect WHERE number = ?', number)
    }
    for (const { number, sequence, effect } of added) {
      const value = EFFECT.encode({ sequence, effect })
      sql.exec('INSERT INTO effect (number, value) VALUES (?, ?)', number, value)
    }
  }
}

function withRows<Row>(
  rows: Readonly<Record<string, Row>>,
  changed: Readonly<Record<string, Row | null>>,
): Record<string, Row> {
  const kept = Object.entries(rows).filter(([name]) => !Object.hasOwn(changed, name))
  const added = Object.entries(changed).filter((entry): entry is [string, Row] => entry[1] !== null)
  // Not by assignment: a source may have the name __proto__.
  return Object.fromEntries([...kept, ...added])
}
