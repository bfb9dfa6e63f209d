/**
 * Moves the records of a tiered log to R2, by alarm: deletes objects, writes objects, and takes copied segments out of
 * the partition.
 *
 *     nothing ──> copying ──> live ──────────> deleting ──> nothing
 *                    └── the log lost its records ──┘
 *
 * Each arrow is one synchronous turn of `RemoteLog` or `RemoteCopies`. A call of R2 lies between two turns, and the
 * later turn looks at the rows again: meanwhile records may have been appended, deleted or the whole topic destroyed.
 * The row of an object exists before the object and until after it, so no object is ever forgotten.
 */
import { crc32c } from '../../src/core/bytes/crc32c.ts'
import {
  REMOTE_CALL_MS_MAX,
  REMOTE_COPIES_PER_ALARM,
  REMOTE_COPY_BUSY_MS,
  REMOTE_DELETES_MAX,
  REMOTE_EVICTIONS_PER_ALARM,
  REMOTE_RETRY_MS_MAX,
  REMOTE_RETRY_MS_MIN,
} from '../../src/core/limits.ts'
import {
  encodeFooter,
  footerBytesMax,
  type RemoteChunk,
  segmentOf,
} from '../../src/core/log/remote/remote-object.ts'
import { report } from '../../src/events/report.ts'
import { withinTime } from '../../src/events/within-time.ts'
import { nextTurn } from '../next-turn.ts'
import { takeCopyPermit } from './copy-permits.ts'
import type { PartitionLog } from './partition-log.ts'
import type { CopyAttempt } from './remote-copies.ts'
import type { LiveSegment, RemoteTable } from './remote-table.ts'

/** Chunks that are read in one turn: a few milliseconds. */
const CHUNKS_PER_TURN = 2

interface NewObject {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly segment: LiveSegment
}

export class RemoteTier {
  readonly #storage: DurableObjectStorage
  readonly #bucketOf: () => R2Bucket | undefined
  /** No call of R2 is made before: the last one failed. */
  #retryAtMs = 0
  #retryMs = REMOTE_RETRY_MS_MIN
  #running: Promise<void> = Promise.resolve()

  /** @param bucketOf returns the binding, if the Worker has it */
  constructor(storage: DurableObjectStorage, bucketOf: () => R2Bucket | undefined) {
    this.#storage = storage
    this.#bucketOf = bucketOf
  }

  /** Returns when the next work is due; undefined if none is known. */
  dueAtMs(log: PartitionLog, nowMs: number): number | undefined {
    const dueAtMs = log.copies.dueAtMs(log.assignment, nowMs)
    return dueAtMs === undefined ? undefined : Math.max(dueAtMs, this.#retryAtMs, nowMs + 1)
  }

  /** Returns whether there is work to do now. */
  isDue(log: PartitionLog, nowMs: number): boolean {
    const dueAtMs = log.copies.dueAtMs(log.assignment, nowMs)
    return dueAtMs !== undefined && dueAtMs <= nowMs && this.#retryAtMs <= nowMs
  }

  /**
   * Does a bounded part of the work that is due.
   *
   * @param isCurrent returns whether `log` still is the partition's log: it may be deleted between two turns
   */
  async run(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    this.#running = this.#running.then(() => this.#run(log, isCurrent))
    await this.#running
  }

  async #run(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    if (!isCurrent()) return
    const { topic, partition } = log.assignment
    try {
      const bucket = this.#bucket()
      await deleteObjects(bucket, log.remote.table)
      if (isCurrent()) await this.#copy(bucket, log, isCurrent)
      if (isCurrent()) await this.#evict(bucket, log, isCurrent)
      this.#retryMs = REMOTE_RETRY_MS_MIN
    } catch (error) {
      report({ type: 'remote_storage_failed', topic, partition, error })
      this.#retryAtMs = Date.now() + this.#retryMs
      this.#retryMs = Math.min(this.#retryMs * 2, REMOTE_RETRY_MS_MAX)
    }
  }

  /**
   * Deletes all objects of a partition whose topic is deleted, with their rows. May be repeated after any failure.
   *
   * @throws {Error} if some could not be deleted yet.
   */
  async destroy(table: RemoteTable): Promise<void> {
    // A copy that is under way would write an object behind the deletion.
    await this.#running
    if (table.isEmpty) return
    table.deleteBelow(Number.MAX_SAFE_INTEGER)
    while ((await deleteObjects(this.#bucket(), table)) === REMOTE_DELETES_MAX) await nextTurn()
    if (!table.isEmpty) throw new Error('an object may still be written; it is deleted later')
  }

  #bucket(): R2Bucket {
    const bucket = this.#bucketOf()
    if (bucket === undefined) throw new Error('the Worker has no binding REMOTE_LOG')
    return bucket
  }

  // -- copying -----------------------------------------------------------------------------------

  async #copy(bucket: R2Bucket, log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    for (let count = 0; count < REMOTE_COPIES_PER_ALARM && isCurrent(); count++) {
      const nowMs = Date.now()
      const returnPermit = takeCopyPermit(nowMs)
      if (returnPermit === undefined) {
        this.#retryAtMs = nowMs + REMOTE_COPY_BUSY_MS
        return
      }
      try {
        const { copies, assignment } = log
        const copying = copies.resumeCopy(nowMs) ?? copies.beginCopy(assignment, randomHex(), nowMs)
        if (copying === undefined) return
        await this.#copyOne(bucket, log, copying, isCurrent)
      } finally {
        returnPermit()
      }
    }
  }

  async #copyOne(
    bucket: R2Bucket,
    log: PartitionLog,
    copying: CopyAttempt,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { copies } = log
    // The name must be durable before the object exists.
    await this.#storage.sync()
    const object = isCurrent() ? await makeObject(log, copying, isCurrent) : undefined
    if (!isCurrent()) return
    if (object === undefined) {
      copies.abandonCopy(copying.key)
      return
    }
    const { bytes, segment } = object
    const { key, sha256 } = segment
    const onlyIf = { etagDoesNotMatch: '*' }
    const options = { sha256, onlyIf, httpMetadata: { contentType: 'application/octet-stream' } }
    const written = await call(`put ${key}`, bucket.put(key, bytes, options))
    // An earlier attempt may have written the object though its response was lost.
    const found = written ?? (await call(`head ${key}`, bucket.head(key)))
    copies.settleCopy(copying)
    if (!isCurrent()) return
    const fault = faultOf(found, segment)
    if (fault === undefined) copies.completeCopy(segment)
    else {
      this.#reportDamage(log, key, fault)
      copies.abandonCopy(key)
    }
  }

  // -- eviction ----------------------------------------------------------------------------------

  async #evict(bucket: R2Bucket, log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    const { remote, copies, assignment } = log
    for (let count = 0; count < REMOTE_EVICTIONS_PER_ALARM; count++) {
      const segment = copies.nextToEvict(assignment, Date.now())
      if (segment === undefined) return
      const { key } = segment
      // R2 may have confirmed an object that it does not have: look before the only other copy goes.
      const found = await call(`head ${key}`, bucket.head(key))
      if (!isCurrent()) return
      const fault = faultOf(found, segment)
      if (fault === undefined) remote.evict(segment)
      else {
        this.#reportDamage(log, key, fault)
        copies.copyAgain(segment, assignment, randomHex())
        return
      }
    }
  }

  #reportDamage({ assignment }: PartitionLog, key: string, reason: string): void {
    const { topic, partition } = assignment
    report({ type: 'remote_object_damaged', topic, partition, key, reason })
  }
}

/**
 * Reads the chunks of a copy, a few in each turn, and makes the object in memory: at most `REMOTE_OBJECT_BYTES_MAX`
 * and a footer. Returns undefined if the log has lost some of the chunks.
 */
async function makeObject(
  { copies, assignment }: PartitionLog,
  copying: CopyAttempt,
  isCurrent: () => boolean,
): Promise<NewObject | undefined> {
  const spans = copies.chunksOf(copying)
  if (spans === undefined) return undefined
  const { topicId, partition } = assignment
  const aborted = copies.abortedIn(copying)
  const dataBytes = spans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const bytes = new Uint8Array(dataBytes + footerBytesMax(spans.length, aborted.length))
  const chunks: RemoteChunk[] = []
  let position = 0
  for (const [index, span] of spans.entries()) {
    const chunk = copies.bytesOf(span)
    if (chunk === undefined) return undefined
    bytes.set(chunk, position)
    position += chunk.length
    chunks.push({ ...span, crc: crc32c(chunk) })
    if (index % CHUNKS_PER_TURN > 0) continue
    await nextTurn()
    if (!isCurrent()) return undefined
  }
  const footer = encodeFooter({ partition: { topicId, partition }, chunks, aborted })
  bytes.set(footer, position)
  const object = bytes.subarray(0, position + footer.length)
  const sha256 = toHex(await crypto.subtle.digest('SHA-256', object))
  const inDoubtUntilMs = copying.earlierInDoubtUntilMs
  const segment = segmentOf(copying.key, { chunks }, footer.length)
  return { bytes: object, segment: { ...segment, sha256, inDoubtUntilMs } }
}

/** Deletes objects that are not read any more, then their rows. Returns how many. */
async function deleteObjects(bucket: R2Bucket, table: RemoteTable): Promise<number> {
  const nowMs = Date.now()
  const due = table
    .changes('deleting', REMOTE_DELETES_MAX)
    .filter(({ inDoubtUntilMs }) => inDoubtUntilMs <= nowMs)
  if (due.length === 0) return 0
  const keys = due.map(({ key }) => key)
  await call(`delete ${keys.length} objects`, bucket.delete(keys))
  for (const key of keys) table.removeChange(key)
  return due.length
}

/** Returns why an object is not the one that was written; undefined if it is. */
function faultOf(found: R2Object | null, { objectBytes, sha256 }: LiveSegment): string | undefined {
  if (found === null) return 'it does not exist'
  if (found.size !== objectBytes) return `it has ${found.size} bytes in place of ${objectBytes}`
  const checksum = found.checksums.sha256
  if (checksum !== undefined && toHex(checksum) === sha256) return undefined
  return 'it has another checksum'
}

async function call<T>(what: string, work: Promise<T>): Promise<T> {
  return await withinTime(REMOTE_CALL_MS_MAX, `R2: ${what}`, work)
}

function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(8)).buffer)
}

function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
