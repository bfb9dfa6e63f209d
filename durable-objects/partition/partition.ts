/**
 * The Durable Object of one partition. A thin shell: it receives calls, lets the log act in one synchronous turn, and
 * wakes the calls that wait for the result.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, ERRORS, type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import { REMOTE_CALL_MS_MAX } from '../../src/core/limits.ts'
import { type IsolationLevel, readableEnd } from '../../src/core/log/log-ends.ts'
import type {
  AdoptResult,
  AppendRequest,
  AppendResult,
  AppendResults,
  FetchRequest,
  FetchResult,
  FoundSegment,
  OffsetRange,
  OverlapResult,
  PartitionApi,
  PartitionAssignment,
  PartitionDescription,
  ProducerDescription,
  RemoteListing,
  RestoreRequest,
  RestoreResult,
  SealedChunk,
  TimestampLookup,
  WatchRequest,
} from '../../src/core/log/partition-api.ts'
import type {
  TableGetRequest,
  TableGetResult,
  TableScanRequest,
  TableScanResult,
} from '../../src/core/log/table-api.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import { hasTable, migrate } from '../migrate.ts'
import { stopObject } from '../stop-object.ts'
import { AppendQueue } from './append-queue.ts'
import { Compactor } from './compactor.ts'
import { describeLog, listRemote, lookUpTimestamp, remoteRange } from './describe-log.ts'
import { followTable, tableResult } from './follow-table.ts'
import { endOfLost, type TransactionBinding } from './lost-transactions.ts'
import { Maintenance } from './maintenance.ts'
import { PartitionLog } from './partition-log.ts'
import { readLog, readSealedChunk, resolveOffset } from './read-log.ts'
import { RemoteTable } from './remote-table.ts'
import { RemoteTier } from './remote-tier.ts'
import { PARTITION_SCHEMA } from './schema.ts'
import { Tails } from './tails.ts'
import { Waiters } from './waiters.ts'
import { type TaskBinding, Watchers } from './watchers.ts'

export interface PartitionEnv {
  readonly TRANSACTION?: TransactionBinding
  /** Where tiered logs keep their old records. */
  readonly REMOTE_LOG?: R2Bucket
  /** The tasks of stream processing. */
  readonly TASK?: TaskBinding
  readonly EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS?: string
}

export class Partition extends DurableObject<PartitionEnv> implements PartitionApi {
  /** Undefined until the coordinator configures this partition, and again once it is deleted. */
  #log: PartitionLog | undefined
  readonly #queue: AppendQueue
  readonly #waiters = new Waiters()
  readonly #tails: Tails
  readonly #tier: RemoteTier
  readonly #watchers: Watchers
  #maintenance: Maintenance
  readonly #compactor = new Compactor()
  #destroying: Promise<void> | undefined

  constructor(ctx: DurableObjectState, env: PartitionEnv) {
    super(ctx, env)
    this.#tails = new Tails(ctx)
    this.#tier = new RemoteTier(ctx.storage, () => this.env.REMOTE_LOG)
    this.#watchers = new Watchers(ctx.storage.sql, env.TASK)
    this.#maintenance = this.#newMaintenance()
    this.#queue = new AppendQueue({
      append: (append) => this.#openLog().append(append, Date.now()),
      endTransaction: (request) => this.#openLog().endTransaction(request, Date.now()),
      commit: () => this.#commit(),
      abort: (error) => stopObject(ctx, 'partition', 'commit failed', error),
      durable: () => ctx.storage.sync(),
    })
    void ctx.blockConcurrencyWhile(async () => {
      if (!hasTable(ctx.storage.sql, 'setting')) return
      migrate(ctx.storage, PARTITION_SCHEMA)
      const nowMs = Date.now()
      this.#log = PartitionLog.load(ctx.storage.sql, nowMs)
      await this.#maintenance.load(nowMs)
    })
  }

  #newMaintenance(): Maintenance {
    return new Maintenance(this.ctx.storage, this.env.EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS)
  }

  async configure(assignment: PartitionAssignment): Promise<void> {
    if (this.#log === undefined) {
      migrate(this.ctx.storage, PARTITION_SCHEMA)
      this.#log = PartitionLog.create(this.ctx.storage.sql, assignment)
    } else this.#log.reassign(assignment)
    this.#armMaintenance(this.#log)
    if (this.#log.table.isLeftOver) this.#maintenance.arm(0, Date.now())
  }

  /** May be called again after any failure: what is deleted stays deleted. */
  async destroy(): Promise<void> {
    this.#destroying ??= this.#destroy().finally(() => {
      this.#destroying = undefined
    })
    await this.#destroying
  }

  async #destroy(): Promise<void> {
    const gone = unknownPartition()
    this.#log?.table.close()
    this.#log?.remote.markDestroyed()
    this.#log = undefined
    // The old instance caches an alarm that is about to be deleted.
    this.#maintenance = this.#newMaintenance()
    this.#queue.refuseAll(gone)
    this.#waiters.wakeAll()
    this.#tails.closeAll(gone)
    await this.ctx.storage.deleteAlarm()
    const { sql } = this.ctx.storage
    if (hasTable(sql, 'remote_segment')) await this.#tier.destroy(new RemoteTable(sql))
    await this.ctx.storage.deleteAll()
  }

  #armMaintenance(log: PartitionLog): void {
    const nowMs = Date.now()
    this.#maintenance.armRetention(log, nowMs)
    this.#maintenance.armCompaction(log, nowMs)
    const dueAtMs = this.#tier.dueAtMs(log, nowMs)
    if (dueAtMs !== undefined) this.#maintenance.arm(dueAtMs, nowMs)
  }

  append(request: AppendRequest): Promise<Result<AppendResult | OverlapResult>> {
    this.#queue.beginCall()
    return this.#append(request)
  }

  async #append(request: AppendRequest): Promise<Result<AppendResult | OverlapResult>> {
    try {
      this.#openLog()
      return await this.#queue.push(request)
    } catch (error) {
      if (error instanceof EdgelogError) return { error: error.toBody() }
      throw error
    }
  }

  async appendEach(requests: readonly AppendRequest[]): Promise<Result<AppendResults>> {
    const log = resultOf(() => this.#openLog())
    if ('error' in log) return log
    this.#queue.beginCall()
    const results = await Promise.all(requests.map((request) => this.#append(request)))
    return { ok: { results, topicVersion: log.ok.assignment.version } }
  }

  async endTransaction(request: EndTransactionRequest): Promise<Result<null>> {
    const log = resultOf(() => this.#openLog())
    if ('error' in log) return log
    this.#queue.beginCall()
    return await this.#queue.pushEnd(request)
  }

  async read(request: FetchRequest): Promise<Result<FetchResult>> {
    const deadlineMs = Date.now() + request.maxWaitMs
    const { isolation } = request
    let { offset } = request
    /** The resolved offset of the request. */
    let from: number | undefined
    for (;;) {
      const result = resultOf(() => readLog(this.#openLog(), { ...request, offset }, from))
      const waitMs = deadlineMs - Date.now()
      if ('error' in result || waitMs <= 0 || this.#waiters.isFull) return result
      const { ok: read } = result
      from = read.from
      const missingBytes = Math.max(1, request.minBytes) - read.batches.length
      const hasMore = read.to < readableEnd(read, isolation)
      // Records that are not visible need not be read again.
      offset = read.batches.length === 0 ? read.to : from
      // The log holds more than was returned, but it did not fit: waiting would not add anything.
      if (missingBytes <= 0 || hasMore || read.remote !== undefined) return result
      await this.#waiters.wait(isolation, missingBytes, waitMs)
    }
  }

  async readSealed(offset: number): Promise<Result<SealedChunk>> {
    return resultOf(() => readSealedChunk(this.#openLog(), offset))
  }

  async findTimestamp(timestamp: number | 'max'): Promise<Result<TimestampLookup>> {
    return resultOf(() => lookUpTimestamp(this.#openLog(), timestamp))
  }

  async deleteRecords(
    beforeOffset: number | 'highWatermark',
  ): Promise<Result<Pick<PartitionDescription, 'logStartOffset'>>> {
    return resultOf(() => {
      const log = this.#openLog()
      log.deleteRecords(beforeOffset)
      this.#armMaintenance(log)
      return { logStartOffset: log.logStartOffset }
    })
  }

  async tableGet(request: TableGetRequest): Promise<Result<TableGetResult>> {
    return await replyAsync(async () => {
      const log = await followTable(() => this.#openLog(), this.#waiters, request)
      return { ...tableResult(log), entry: log.table.get(request.key) }
    })
  }

  async tableScan(request: TableScanRequest): Promise<Result<TableScanResult>> {
    return await replyAsync(async () => {
      const log = await followTable(() => this.#openLog(), this.#waiters, request)
      return { ...tableResult(log), ...log.table.scan(request) }
    })
  }

  async describe(): Promise<Result<PartitionDescription>> {
    return resultOf(() => describeLog(this.#openLog()))
  }

  async listRemote(baseOffset: number, limit: number): Promise<Result<RemoteListing>> {
    return resultOf(() => listRemote(this.#openLog(), baseOffset, limit))
  }

  async remoteHoles(): Promise<Result<readonly OffsetRange[]>> {
    return resultOf(() => this.#openLog().remote.holes())
  }

  async adoptRemote(found: readonly FoundSegment[]): Promise<Result<AdoptResult>> {
    return resultOf(() => {
      const log = this.#openLog()
      const adopted = log.remote.adopt(found)
      return { ...log.ends, adopted }
    })
  }

  async restore(request: RestoreRequest): Promise<Result<RestoreResult>> {
    return resultOf(() => {
      const log = this.#openLog()
      const sizeBytesBefore = log.sizeBytes
      try {
        log.restore(request, Date.now())
      } catch (error) {
        if (!(error instanceof EdgelogError)) {
          stopObject(this.ctx, 'partition', 'restore failed', error)
        }
        throw error
      }
      this.#written(log, sizeBytesBefore, true)
      return { ...log.ends, topicVersion: log.assignment.version }
    })
  }

  async watch({ task, offset }: WatchRequest): Promise<Result<{ readonly hasRecords: boolean }>> {
    return resultOf(() => {
      const hasRecords = readableEnd(this.#openLog().ends, 'committed') > offset
      if (!hasRecords) this.#watchers.arm(task)
      return { hasRecords }
    })
  }

  async unwatch(task: string): Promise<Result<null>> {
    return resultOf(() => {
      this.#openLog()
      this.#watchers.forget(task)
      return null
    })
  }

  async describeProducers(limit: number): Promise<Result<readonly ProducerDescription[]>> {
    return resultOf(() => this.#openLog().describeProducers(limit))
  }

  /**
   * Opens a live tail by a WebSocket upgrade:
   * `?offset=<number|earliest|latest>&creditBytes=<number>&isolation=<level>`. For an offset whose records are in R2
   * only, it returns where they are, as JSON.
   */
  override async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url)
    try {
      const log = this.#openLog()
      const isolation = searchParams.get('isolation') as IsolationLevel
      const wanted = searchParams.get('offset') ?? 'latest'
      const offset = resolveOffset(
        log.ends,
        wanted === 'earliest' || wanted === 'latest' ? wanted : Number(wanted),
        isolation,
      )
      const remote = remoteRange(log, offset)
      if (remote !== undefined) return Response.json({ offset, ...log.ends, remote })
      const creditBytes = Number(searchParams.get('creditBytes'))
      const socket = this.#tails.open(log, { offset, creditBytes, isolation })
      const { logStartOffset, lastStableOffset, highWatermark } = log.ends
      const headers = {
        'edgelog-offset': String(offset),
        'edgelog-high-watermark': String(highWatermark),
        'edgelog-last-stable-offset': String(lastStableOffset),
        'edgelog-log-start-offset': String(logStartOffset),
      }
      return new Response(null, { status: 101, webSocket: socket, headers })
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      return Response.json(error.toBody(), { status: ERRORS[error.code].http })
    }
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (this.#log === undefined) this.#tails.closeAll(unknownPartition())
    else this.#tails.receive(socket, message, this.#log)
  }

  override async alarm(): Promise<void> {
    const log = this.#log
    if (log === undefined) return
    await this.#endLostTransactions(log)
    const isCurrent = () => this.#log === log
    if (isCurrent()) await this.#maintenance.run(log, isCurrent)
    if (isCurrent()) await this.#compact(log, isCurrent)
    if (isCurrent()) await this.#moveToTier(log, isCurrent)
  }

  async #compact(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    const againAtMs = await this.#compactor.run(log, isCurrent)
    if (isCurrent()) this.#maintenance.arm(againAtMs, Date.now())
  }

  async #moveToTier(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
    if (this.#tier.isDue(log, Date.now())) {
      // If this alarm is interrupted, another one goes on.
      this.#maintenance.arm(Date.now() + REMOTE_CALL_MS_MAX, Date.now())
      await this.#tier.run(log, isCurrent)
      if (!isCurrent()) return
    }
    const dueAtMs = this.#tier.dueAtMs(log, Date.now())
    if (dueAtMs !== undefined) this.#maintenance.arm(dueAtMs, Date.now())
  }

  async #endLostTransactions(log: PartitionLog): Promise<void> {
    for (const transaction of log.takeOverdueTransactions(Date.now())) {
      const end = await endOfLost(this.env.TRANSACTION, transaction, log.assignment)
      if (this.#log !== log) return
      if (end !== undefined) await this.#queue.pushEnd(end)
    }
  }

  #openLog(): PartitionLog {
    if (this.#log === undefined) throw unknownPartition()
    return this.#log
  }

  #commit(): void {
    const log = this.#openLog()
    const sizeBytesBefore = log.sizeBytes
    this.#written(log, sizeBytesBefore, log.write())
  }

  /** Arms the alarm for what was written, and wakes readers. */
  #written(log: PartitionLog, sizeBytesBefore: number, hasChunksToSeal: boolean): void {
    this.#maintenance.afterCommit(log, hasChunksToSeal, Date.now())
    const appendedBytes = log.sizeBytes - sizeBytesBefore
    if (appendedBytes === 0) return
    this.#waiters.appended(appendedBytes, log.ends)
    this.#tails.appended(log)
    this.#watchers.notify(log.assignment.topicId, log.assignment.partition)
  }
}

function unknownPartition(): EdgelogError {
  return new EdgelogError('unknown_topic_or_partition', 'the partition does not exist')
}
