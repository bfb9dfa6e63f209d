/**
 * The tasks of one application in the database. A turn, the state, and the records that the task sends are one
 * transaction: records for topics of the log go to the outbox, those of a repartition to the task that reads them.
 *
 * Two tabs may run a task for a moment. A turn is stored only if it follows the last one that is stored, so one of them
 * goes on, and the other begins again from what is stored.
 */
import { decodeUncompressed } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { type LeafWrite, MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import type {
  FetchedRecords,
  PositionedInput,
  TaskInput,
} from '../../../src/core/streams/task-inputs.ts'
import type { TurnCommit } from '../../../src/core/streams/task-process.ts'
import type { OutgoingBatches } from '../../../src/core/streams/turn-row.ts'
import type { PlannedTopic } from '../../streams/runner/topology-plan.ts'
import { HOP_ROWS_MAX, TASK_STATE_BYTES_MAX } from '../limits.ts'
import { RowWriter } from '../outbox/row-writer.ts'
import type { Session } from '../session/session.ts'
import type { Store, Transaction } from '../store/database.ts'
import type { HopRow, StreamsKey } from '../store/schema.ts'

/** The stored part of a task. */
export interface LoadedTask {
  readonly leaves: MemoryLeaves
  /** In their order. */
  readonly turns: readonly Uint8Array[]
}

export interface TaskCommit {
  /** Name of the task. */
  readonly task: string
  readonly commit: TurnCommit
  readonly outgoing: readonly OutgoingBatches[]
  readonly positions: readonly PositionedInput[]
  /** The plan that the task runs by, as it is stored. */
  readonly plan: string
  readonly sources: readonly PlannedTopic[]
  /** Names of the topics of repartitions. */
  readonly internal: ReadonlySet<string>
}

const COMMIT_STORES: Store[] = ['streams', 'topics', 'producers', 'outbox']

export class TaskStorage {
  readonly #session: Pick<Session, 'database' | 'newProducerId' | 'random' | 'now'>
  readonly #application: string

  constructor(
    session: Pick<Session, 'database' | 'newProducerId' | 'random' | 'now'>,
    application: string,
  ) {
    this.#session = session
    this.#application = application
  }

  async plan(): Promise<string | undefined> {
    return await this.#session.database.read(['streams'], (tx) => planIn(tx, this.#application))
  }

  /** Stores a plan in place of `before`; returns false if another tab has stored one. */
  async savePlan(plan: string, before: string | undefined): Promise<boolean> {
    return await this.#session.database.write(['streams'], async (tx) => {
      if ((await planIn(tx, this.#application)) !== before) return false
      await tx.objectStore('streams').put(plan, ['plan', this.#application])
      return true
    })
  }

  /** Deletes everything that is stored of the application. Records in the outbox stay. */
  async delete(): Promise<void> {
    await this.#session.database.write(['streams'], async (tx) => {
      const store = tx.objectStore('streams')
      for (const kind of ['plan', 'turn', 'leaf', 'hop'] as const) {
        await store.delete(rangeOf(kind, this.#application))
      }
    })
  }

  /**
   * Loads the state of a task.
   *
   * @throws {EdgelogError} `invalid_request` for more than a page loads.
   */
  async load(task: string): Promise<LoadedTask> {
    const application = this.#application
    return await this.#session.database.read(['streams'], async (tx) => {
      const leaves = new MemoryLeaves()
      const store = tx.objectStore('streams')
      let at = await store.openCursor(rangeOf('leaf', application, task))
      while (at !== null) {
        leaves.put(leafOf(at.key, at.value as Uint8Array))
        checkSize(task, leaves)
        at = await at.continue()
      }
      const turns = await store.getAll(rangeOf('turn', application, task))
      return { leaves, turns: turns as Uint8Array[] }
    })
  }

  /** Returns the turns behind one, the plan, and the number of the last turn; 0 if there is none. */
  async turnsBehind(task: string, turn: number) {
    return await this.#session.database.read(['streams'], async (tx) => {
      const all = rangeOf('turn', this.#application, task)
      const behind = IDBKeyRange.bound(
        ['turn', this.#application, task, turn],
        all.upper,
        true,
        false,
      )
      const store = tx.objectStore('streams')
      const plan = await planIn(tx, this.#application)
      const last = await lastTurn(tx, this.#application, task)
      return { plan, last, turns: (await store.getAll(behind)) as Uint8Array[] }
    })
  }

  /**
   * Stores a turn as a whole.
   *
   * @throws {EdgelogError} `unavailable` if another tab has gone on with the task or begun anew: open the task again;
   * `invalid_request` if a topic is no longer that of the plan.
   */
  async commit(turn: TaskCommit): Promise<void> {
    await this.#session.database.write(
      COMMIT_STORES,
      async (tx) => {
        await this.#check(tx, turn)
        await this.#store(tx, turn)
        await this.#send(tx, turn)
      },
      true,
    )
  }

  /** Reads the records of a repartition. */
  async fetchHop({ topic, partition }: TaskInput, offset: number): Promise<FetchedRecords> {
    const range = rangeOf('hop', this.#application, topic, partition)
    const at: StreamsKey = ['hop', this.#application, topic, partition, offset]
    const [keys, rows] = await this.#session.database.read(['streams'], async (tx) => {
      const store = tx.objectStore('streams')
      const before = await store.openKeyCursor(IDBKeyRange.bound(range.lower, at), 'prev')
      const from = IDBKeyRange.bound(before?.key ?? at, range.upper)
      const found = await store.getAllKeys(from, HOP_ROWS_MAX)
      return [found, (await store.getAll(from, HOP_ROWS_MAX)) as HopRow[]] as const
    })
    const records: LogRecord[] = []
    for (const [index, { batches }] of rows.entries()) {
      let next = offsetIn(keys[index] as StreamsKey)
      for (const record of recordsIn(batches)) {
        if (next >= offset) records.push({ ...record, offset: next })
        next++
      }
    }
    const to = Math.max(offset, rows.at(-1)?.endOffset ?? 0)
    return { from: offset, records, to, isAtEnd: rows.length < HOP_ROWS_MAX }
  }

  async #check(tx: Transaction, { task, commit, plan, sources }: TaskCommit): Promise<void> {
    const stored = await planIn(tx, this.#application)
    if (stored !== plan) throw overtaken('another run of the topology has begun')
    const last = await lastTurn(tx, this.#application, task)
    if (last !== commit.turn - 1) throw overtaken(`another tab has made turn ${last}`)
    for (const { name, id, partitions } of sources) {
      const known = await tx.objectStore('topics').get(name)
      if (known === undefined || (known.id === id && known.partitions === partitions)) continue
      const why =
        known.id === id
          ? `it has ${known.partitions} partitions, and had ${partitions} when the topology began`
          : 'it was deleted and created again'
      throw new EdgelogError('invalid_request', `topic ${name}: ${why}; delete the stored state`)
    }
  }

  async #store(tx: Transaction, { task, commit }: TaskCommit): Promise<void> {
    const application = this.#application
    const store = tx.objectStore('streams')
    const { turn, bytes, checkpoint, forgetBelow } = commit
    await store.put(bytes, ['turn', application, task, turn])
    if (checkpoint === undefined) return
    for (const leaf of checkpoint.leaves) {
      const key: StreamsKey = [
        ...(['leaf', application, task] as const),
        ...[leaf.store, leaf.segment, leaf.firstKey],
      ]
      if (leaf.bytes === null) await store.delete(key)
      else await store.put(leaf.bytes.slice(), key)
    }
    for (const { store: name, belowSegment } of checkpoint.drops) {
      const lower = ['leaf', application, task, name]
      await store.delete(IDBKeyRange.bound(lower, [...lower, belowSegment], false, true))
    }
    const { lower } = rangeOf('turn', application, task)
    await store.delete(IDBKeyRange.bound(lower, [...lower, forgetBelow], false, true))
  }

  async #send(tx: Transaction, { outgoing, positions, internal }: TaskCommit): Promise<void> {
    const writer = new RowWriter(tx, this.#session)
    for (const { topic, partition, batches } of outgoing) {
      if (internal.has(topic)) {
        await this.#appendHop(tx, topic, partition, batches)
        continue
      }
      for (const record of recordsIn(batches)) {
        const place = await writer.add({ topic, record, partition })
        if (place instanceof EdgelogError) throw place
      }
    }
    await writer.finish()
    for (const input of positions) if (internal.has(input.topic)) await this.#trimHop(tx, input)
  }

  async #appendHop(
    tx: Transaction,
    topic: string,
    partition: number,
    batches: Uint8Array,
  ): Promise<void> {
    const store = tx.objectStore('streams')
    const range = rangeOf('hop', this.#application, topic, partition)
    const last = await store.openCursor(range, 'prev')
    const offset = (last?.value as HopRow | undefined)?.endOffset ?? 0
    const row = { endOffset: offset + recordsIn(batches).length, batches: batches.slice() }
    await store.put(row, ['hop', this.#application, topic, partition, offset])
  }

  /** Deletes the rows that are processed, but the last one: it has the end of the partition. */
  async #trimHop(tx: Transaction, { topic, partition, offset }: PositionedInput): Promise<void> {
    const store = tx.objectStore('streams')
    const { lower } = rangeOf('hop', this.#application, topic, partition)
    const at = await store.openKeyCursor(IDBKeyRange.bound(lower, [...lower, offset]), 'prev')
    if (at !== null) await store.delete(IDBKeyRange.bound(lower, at.key, false, true))
  }
}

/** @throws {EdgelogError} `invalid_request` for more state than a page loads. */
export function checkSize(task: string, { sizeBytes }: MemoryLeaves): void {
  if (sizeBytes <= TASK_STATE_BYTES_MAX) return
  const why = `its state has over ${TASK_STATE_BYTES_MAX} bytes, more than a page loads`
  throw new EdgelogError('invalid_request', `task ${task}: ${why}; run it in a Worker or in Node`)
}

/** Returns the range of all rows whose keys begin with a prefix. */
function rangeOf(...prefix: StreamsKey): IDBKeyRange {
  return IDBKeyRange.bound(prefix, [...prefix, []])
}

function offsetIn(key: StreamsKey): number {
  return key.at(-1) as number
}

function leafOf([, , , store, segment, firstKey]: StreamsKey, bytes: Uint8Array): LeafWrite {
  return {
    ...{ store: store as string, segment: segment as number },
    ...{ firstKey: firstKey as string, bytes },
  }
}

function recordsIn(batches: Uint8Array): LogRecord[] {
  return readBatchHeaders(batches).flatMap((header) => decodeUncompressed(batches, header))
}

type AnyTransaction = Transaction | Transaction<'readonly'>

async function planIn(tx: AnyTransaction, application: string): Promise<string | undefined> {
  return (await tx.objectStore('streams').get(['plan', application])) as string | undefined
}

async function lastTurn(tx: AnyTransaction, application: string, task: string): Promise<number> {
  const range = rangeOf('turn', application, task)
  const last = await tx.objectStore('streams').openKeyCursor(range, 'prev')
  return last === null ? 0 : offsetIn(last.key)
}

function overtaken(why: string): EdgelogError {
  return new EdgelogError('unavailable', why)
}
