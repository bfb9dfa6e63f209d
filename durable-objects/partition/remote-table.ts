/**
 * Reads and writes the rows of a partition's objects in R2. `remote_segment` has the live ones; `remote_change` those
 * that are being written or deleted, so that the work which is left is found without reading all rows.
 */
import type { OffsetRange } from '../../src/core/log/partition-api.ts'
import type { RemoteSegment, RemoteState } from '../../src/core/log/remote/remote-segment.ts'

/** An object that is being written or deleted. */
export interface RemoteChange {
  readonly key: string
  readonly state: Exclude<RemoteState, 'live'>
  readonly baseOffset: number
  readonly endOffset: number
  /** Until then, a call whose response was lost may still write the object. */
  readonly inDoubtUntilMs: number
}

/** A live object, with the checksum that R2 has of it. */
export interface LiveSegment extends RemoteSegment {
  /** In hexadecimal digits. */
  readonly sha256: string
  /** Until then, an earlier call whose response was lost may write the object once more. */
  readonly inDoubtUntilMs: number
}

type SegmentRow = {
  base_offset: number
  end_offset: number
  max_timestamp: number
  size_bytes: number
  object_bytes: number
  object_key: string
  sha256: string
  in_doubt_until_ms: number
}

type ChangeRow = {
  object_key: string
  state: string
  base_offset: number
  end_offset: number
  in_doubt_until_ms: number
}

function segmentOf(row: SegmentRow): LiveSegment {
  return {
    key: row.object_key,
    baseOffset: row.base_offset,
    endOffset: row.end_offset,
    maxTimestamp: row.max_timestamp,
    sizeBytes: row.size_bytes,
    objectBytes: row.object_bytes,
    sha256: row.sha256,
    inDoubtUntilMs: row.in_doubt_until_ms,
  }
}

function changeOf(row: ChangeRow): RemoteChange {
  return {
    key: row.object_key,
    state: row.state as RemoteChange['state'],
    baseOffset: row.base_offset,
    endOffset: row.end_offset,
    inDoubtUntilMs: row.in_doubt_until_ms,
  }
}

export class RemoteTable {
  readonly #sql: SqlStorage
  /** False while the partition never had a row of an object: then the others here need not be read. */
  isUsed: boolean

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.isUsed = !this.isEmpty
  }

  /** True if there is no object, and there can be none. */
  get isEmpty(): boolean {
    return (
      this.#sql
        .exec('SELECT 1 FROM remote_segment UNION ALL SELECT 1 FROM remote_change LIMIT 1')
        .toArray().length === 0
    )
  }

  // -- live segments -----------------------------------------------------------------------------

  /** Returns up to `count` segments that begin at `baseOffset` or later, in order. */
  since(baseOffset: number, count: number): LiveSegment[] {
    return this.#segments('WHERE base_offset >= ? ORDER BY base_offset LIMIT ?', baseOffset, count)
  }

  /** Returns up to `count` segments from the one that holds `offset` on, in order. */
  from(offset: number, count: number): LiveSegment[] {
    const [holder] = this.#segments(
      'WHERE base_offset <= ? ORDER BY base_offset DESC LIMIT 1',
      offset,
    )
    const isHolding = holder !== undefined && holder.endOffset > offset
    return this.since(isHolding ? holder.baseOffset : offset, count)
  }

  last(): LiveSegment | undefined {
    const [last] = this.#segments('ORDER BY base_offset DESC LIMIT 1')
    return last
  }

  /** Returns up to `limit` ranges between two segments, and between the last one and `endOffset`; the highest first. */
  holesBelow(endOffset: number, limit: number): OffsetRange[] {
    return this.#sql
      .exec<{ from: number; to: number }>(
        `SELECT * FROM (
           SELECT end_offset AS "from", lead(base_offset, 1, ?1) OVER (ORDER BY base_offset) AS "to"
           FROM remote_segment WHERE end_offset <= ?1)
         WHERE "from" < "to" ORDER BY "from" DESC LIMIT ?2`,
        endOffset,
        limit,
      )
      .toArray()
  }

  /** Returns the first segment between two offsets that has a record at or after `timestamp`. */
  firstReaching(timestamp: number, from: number, to: number): LiveSegment | undefined {
    const [first] = this.#segments(
      'WHERE max_timestamp >= ? AND base_offset >= ? AND end_offset <= ? ORDER BY base_offset LIMIT 1',
      timestamp,
      from,
      to,
    )
    return first
  }

  /** Returns the latest time in the segments between two offsets; -1 if none has a time. */
  latestTimestamp(from: number, to: number): number {
    const { latest } = this.#sql
      .exec<{ latest: number | null }>(
        'SELECT max(max_timestamp) AS latest FROM remote_segment WHERE base_offset >= ? AND end_offset <= ?',
        from,
        to,
      )
      .one()
    return Math.max(latest ?? -1, -1)
  }

  insert(segment: LiveSegment): void {
    this.isUsed = true
    this.#sql.exec(
      `INSERT INTO remote_segment
         (base_offset, end_offset, max_timestamp, size_bytes, object_bytes, object_key, sha256,
          in_doubt_until_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      segment.baseOffset,
      segment.endOffset,
      segment.maxTimestamp,
      segment.sizeBytes,
      segment.objectBytes,
      segment.key,
      segment.sha256,
      segment.inDoubtUntilMs,
    )
  }

  /** Marks the segments that end at `endOffset` or earlier for deletion. Part of the turn that moves the log start. */
  deleteBelow(endOffset: number): void {
    this.#sql.exec(
      `INSERT INTO remote_change (object_key, state, base_offset, end_offset, in_doubt_until_ms)
       SELECT object_key, 'deleting', base_offset, end_offset, in_doubt_until_ms FROM remote_segment
       WHERE end_offset <= ?`,
      endOffset,
    )
    this.#sql.exec('DELETE FROM remote_segment WHERE end_offset <= ?', endOffset)
    this.#sql.exec(
      `UPDATE remote_change SET state = 'deleting' WHERE state = 'copying' AND end_offset <= ?`,
      endOffset,
    )
  }

  #segments(rest: string, ...values: SqlStorageValue[]): LiveSegment[] {
    return this.#sql
      .exec<SegmentRow>(`SELECT * FROM remote_segment ${rest}`, ...values)
      .toArray()
      .map(segmentOf)
  }

  // -- changes -----------------------------------------------------------------------------------

  /** Returns up to `count` changes of a state, those first that are in doubt for the shortest time. */
  changes(state: RemoteChange['state'], count: number): RemoteChange[] {
    return this.#sql
      .exec<ChangeRow>(
        'SELECT * FROM remote_change WHERE state = ? ORDER BY in_doubt_until_ms, object_key LIMIT ?',
        state,
        count,
      )
      .toArray()
      .map(changeOf)
  }

  change(key: string): RemoteChange | undefined {
    const [row] = this.#sql
      .exec<ChangeRow>('SELECT * FROM remote_change WHERE object_key = ?', key)
      .toArray()
    return row === undefined ? undefined : changeOf(row)
  }

  writeChange(change: RemoteChange): void {
    this.isUsed = true
    this.#sql.exec(
      `INSERT OR REPLACE INTO remote_change
         (object_key, state, base_offset, end_offset, in_doubt_until_ms)
       VALUES (?, ?, ?, ?, ?)`,
      change.key,
      change.state,
      change.baseOffset,
      change.endOffset,
      change.inDoubtUntilMs,
    )
  }

  removeChange(key: string): void {
    this.#sql.exec('DELETE FROM remote_change WHERE object_key = ?', key)
  }

  remove(segment: RemoteSegment): void {
    this.#sql.exec('DELETE FROM remote_segment WHERE base_offset = ?', segment.baseOffset)
  }
}
