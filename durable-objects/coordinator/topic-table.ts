/** Topics: one row each, from the create request until its last partition is deleted. */
import { assert } from '../../src/core/errors.ts'
import { LOCATION_HINTS, type LocationHint } from '../../src/core/topic/topic.ts'
import type { TopicConfigOverrides } from '../../src/core/topic/topic-config.ts'
import { collisionKey, type TopicName } from '../../src/core/topic/topic-name.ts'
import type { TopicSettings, TopicState } from '../../src/core/topic/topic-state.ts'

const IS_PENDING = 'is_deleting = 1 OR applied_version IS NOT version'

type TopicRow = {
  id: string
  name: string
  collision_key: string
  partitions: number
  overrides: string
  version: number
  applied_partitions: number | null
  applied_overrides: string | null
  applied_version: number | null
  opened: ArrayBuffer
  is_deleting: number
  location_hint: string | null
  created_at_ms: number
}

/** Reads and writes topic rows. Every call is synchronous, so a read, a decision and a write happen in one turn. */
export class TopicTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  findById(id: string): TopicState | null {
    return this.#select('WHERE id = ?', id)[0] ?? null
  }

  /** Returns the topic with exactly this name, unless it is being deleted. */
  findStaying(name: TopicName): TopicState | null {
    const topic = this.findColliding(name)
    return topic?.name === name ? topic : null
  }

  /** Returns the topic, unless it is being deleted, that has this name or one that Kafka treats as equal. */
  findColliding(name: TopicName): TopicState | null {
    return (
      this.#select('WHERE collision_key = ? AND is_deleting = 0', collisionKey(name))[0] ?? null
    )
  }

  listStaying(): readonly TopicState[] {
    return this.#select('WHERE is_deleting = 0')
  }

  countStaying(): number {
    return this.#sql
      .exec<{ topics: number }>('SELECT COUNT(*) AS topics FROM topic WHERE is_deleting = 0')
      .one().topics
  }

  /** Returns topics of which some opened partition has not applied the wanted settings yet. */
  listPending(): readonly TopicState[] {
    return this.#select(`WHERE ${IS_PENDING}`)
  }

  hasPending(): boolean {
    return this.#select(`WHERE ${IS_PENDING} LIMIT 1`).length > 0
  }

  write(topic: TopicState): void {
    const row = encodeRow(topic)
    const columns = Object.keys(row)
    this.#sql.exec(
      `INSERT INTO topic (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
       ON CONFLICT (id) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`,
      ...Object.values(row),
    )
  }

  /** Stores that another partition is opened. Writes one row: no index has this column. */
  writeOpened({ id, opened }: TopicState): void {
    this.#sql.exec('UPDATE topic SET opened = ? WHERE id = ?', opened, id)
  }

  /** Stores the state after a step; null removes the topic. */
  writeOrRemove(id: string, next: TopicState | null): void {
    if (next === null) this.remove(id)
    else this.write(next)
  }

  remove(id: string): void {
    this.#sql.exec('DELETE FROM topic WHERE id = ?', id)
  }

  #select(where: string, ...bindings: string[]): TopicState[] {
    return this.#sql
      .exec<TopicRow>(`SELECT * FROM topic ${where}`, ...bindings)
      .toArray()
      .map(decodeRow)
  }
}

function encodeRow(topic: TopicState): TopicRow {
  const { id, name, wanted, applied, opened, isDeleting, locationHint, createdAtMs } = topic
  return {
    id,
    name,
    collision_key: collisionKey(name),
    partitions: wanted.partitions,
    overrides: JSON.stringify(wanted.overrides),
    version: wanted.version,
    applied_partitions: applied?.partitions ?? null,
    applied_overrides: applied === null ? null : JSON.stringify(applied.overrides),
    applied_version: applied?.version ?? null,
    opened: opened.slice().buffer,
    is_deleting: isDeleting ? 1 : 0,
    location_hint: locationHint,
    created_at_ms: createdAtMs,
  }
}

function decodeRow(row: TopicRow): TopicState {
  return {
    id: row.id,
    name: row.name as TopicName,
    wanted: decodeSettings(row.partitions, row.overrides, row.version),
    applied: decodeApplied(row),
    opened: new Uint8Array(row.opened),
    isDeleting: row.is_deleting === 1,
    locationHint: decodeLocationHint(row.location_hint),
    createdAtMs: row.created_at_ms,
  }
}

function decodeApplied(row: TopicRow): TopicSettings | null {
  const { applied_partitions, applied_overrides, applied_version } = row
  if (applied_partitions === null || applied_overrides === null || applied_version === null) {
    return null
  }
  assert(applied_version <= row.version, 'nothing is applied before it is wanted')
  return decodeSettings(applied_partitions, applied_overrides, applied_version)
}

function decodeSettings(partitions: number, overrides: string, version: number): TopicSettings {
  return { partitions, overrides: JSON.parse(overrides) as TopicConfigOverrides, version }
}

/** A hint that a newer version wrote and this one does not support is dropped: it is only a hint. */
function decodeLocationHint(text: string | null): LocationHint | null {
  return LOCATION_HINTS.find((hint) => hint === text) ?? null
}
