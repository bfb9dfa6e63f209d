/** The topics of a task: calls of the partitions that it reads and writes. */
import { type BatchCheck, checkOfRecords } from '../../src/core/batch/batch-check.ts'
import { decodeBatch, decodeUncompressed } from '../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../src/core/batch/record.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { ownBytes } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import { readableEnd } from '../../src/core/log/log-ends.ts'
import type { FetchRequest, FetchResult, PartitionApi } from '../../src/core/log/partition-api.ts'
import type { ApplicationApi } from '../../src/core/streams/application-api.ts'
import { FETCH_BYTES } from '../../src/core/streams/limits.ts'
import type { AssignedInput, AssignedOutput } from '../../src/core/streams/task-api.ts'
import type { FetchedRecords } from '../../src/core/streams/task-inputs.ts'
import type { OutgoingBatches } from '../../src/core/streams/turn-row.ts'
import {
  COORDINATOR_OBJECT_NAME,
  type CoordinatorApi,
  partitionObjectName,
} from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import { RemoteObjects } from '../../src/remote/remote-objects.ts'
import { RemoteCache, readRemote } from '../../src/remote/remote-read.ts'
import { reach } from '../reach.ts'

export type TaskPartition = Pick<
  PartitionApi,
  'read' | 'append' | 'deleteRecords' | 'describe' | 'watch' | 'unwatch'
>

export interface TaskTopicsEnv {
  readonly PARTITION: DurableObjectNamespace<Rpc.DurableObjectBranded & TaskPartition>
  readonly APPLICATION: DurableObjectNamespace<
    Rpc.DurableObjectBranded & Pick<ApplicationApi, 'topicsChanged'>
  >
  /** Where tiered topics keep their old records. */
  readonly REMOTE_LOG?: R2Bucket
  readonly COORDINATOR: DurableObjectNamespace<
    Rpc.DurableObjectBranded & Pick<CoordinatorApi, 'openPartition'>
  >
}

export interface FetchedTopic extends FetchedRecords {
  /** The end of what a task may read. */
  readonly end: number
  readonly topicVersion: number
}

export class TaskTopics {
  readonly #env: TaskTopicsEnv
  readonly #remote = new RemoteCache()

  constructor(env: TaskTopicsEnv) {
    this.#env = env
  }

  async fetch(input: AssignedInput, offset: number): Promise<FetchedTopic> {
    const read = await this.#read(input, offset)
    const records: LogRecord[] = []
    const headers = read.batches.length === 0 ? [] : readBatchHeaders(read.batches)
    for (const header of headers) {
      const some =
        header.compression === 'none'
          ? decodeUncompressed(read.batches, header)
          : await decodeBatch(read.batches, header, CODECS)
      // The first batch may begin before the wanted offset, or before the log start.
      for (const record of some) if (record.offset >= read.from) records.push(record)
    }
    const end = readableEnd(read, 'committed')
    const { from, to, topicVersion } = read
    return { from, records, to, isAtEnd: to >= end, end, topicVersion }
  }

  /** Lets an application look at its topics. The call may be lost: it also looks when it is described. */
  noteChange(application: string): void {
    this.#env.APPLICATION.getByName(application)
      .topicsChanged()
      .catch(() => undefined)
  }

  /** Returns the end of what a task may read. */
  async end(input: AssignedInput): Promise<number> {
    return readableEnd(await this.#call(input, (partition) => partition.describe()), 'committed')
  }

  /** Reads from an offset, or from the start of the log if retention has deleted it. */
  async #read(input: AssignedInput, offset: number): Promise<FetchResult> {
    const request = {
      maxBytes: FETCH_BYTES,
      minBytes: 0,
      maxWaitMs: 0,
      isolation: 'committed',
    } as const
    const read = (from: number | 'earliest') =>
      this.#call(input, (partition) => partition.read({ offset: from, ...request }))
    try {
      return await this.#withRemote(await read(offset), request)
    } catch (error) {
      const isGone = error instanceof EdgelogError && error.code === 'offset_out_of_range'
      if (!isGone) throw error
    }
    const earliest = await this.#withRemote(await read('earliest'), request)
    if (earliest.from >= offset) return earliest
    const why = `${input.topic}/${input.partition}: ends at ${earliest.highWatermark}, below ${offset}`
    throw new EdgelogError(
      'offset_out_of_range',
      `${why}, which was processed; reset the application`,
    )
  }

  /** Reads from R2 what is in R2 only. */
  async #withRemote(
    { remote, ...result }: FetchResult,
    request: Omit<FetchRequest, 'offset'>,
  ): Promise<FetchResult> {
    if (remote === undefined) return result
    const objects = new RemoteObjects(this.#env.REMOTE_LOG, this.#remote.objects)
    const known = this.#remote.remember(remote, result, Date.now())
    const read = await readRemote(objects, known, { ...request, offset: result.to })
    return { ...read, from: result.from }
  }

  /** Appends batches, which may be in the log already. */
  async append({ topicId, topic }: AssignedOutput, outgoing: OutgoingBatches): Promise<void> {
    const { partition, batches } = outgoing
    const checks = outgoing.checks ?? checksOf(batches)
    await this.#call({ topicId, topic, partition }, (stub) =>
      stub.append({ checks, producerRules: 'resendable', batches: ownBytes(batches) }),
    )
  }

  /** Deletes the records of an internal topic that the task has processed. */
  async truncate(input: AssignedInput, offset: number): Promise<void> {
    await this.#call(input, (partition) => partition.deleteRecords(offset))
  }

  /** Asks a partition to call the task when it has records at an offset; returns true if it has them now. */
  async watch(input: AssignedInput, task: string, offset: number): Promise<boolean> {
    const { hasRecords } = await this.#call(input, (partition) => partition.watch({ task, offset }))
    return hasRecords
  }

  /** Asks a partition to forget the task. */
  async unwatch(input: AssignedInput, task: string): Promise<void> {
    await this.#call(input, (partition) => partition.unwatch(task))
  }

  async #call<T>(
    target: { readonly topicId: string; readonly topic: string; readonly partition: number },
    call: (
      partition: DurableObjectStub<Rpc.DurableObjectBranded & TaskPartition>,
    ) => Promise<Result<T>>,
  ): Promise<T> {
    const { topicId, topic, partition } = target
    const id = this.#env.PARTITION.idFromName(partitionObjectName(topicId, partition))
    const result = await reach('the log', () => call(this.#env.PARTITION.get(id)))
    if (!('error' in result) || result.error.code !== 'unknown_topic_or_partition') {
      return unwrap(result)
    }
    // A partition is opened for its first call.
    const coordinator = this.#env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    const opened = unwrap(
      await reach('the log', () => coordinator.openPartition(topic as TopicName, partition)),
    )
    if (opened.id !== topicId) {
      const why = `topic ${topic}: it was deleted and created again; reset the application`
      throw new EdgelogError('unknown_topic_or_partition', why)
    }
    return unwrap(await reach('the log', () => call(this.#env.PARTITION.get(id))))
  }
}

/** Returns the checks of batches that were stored, and are sent after a restart. */
function checksOf(batches: Uint8Array): BatchCheck[] {
  return readBatchHeaders(batches).map((header) =>
    checkOfRecords(decodeUncompressed(batches, header)),
  )
}
