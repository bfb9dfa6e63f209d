/** Reads a partition: its records from the partition or, below its local start, from R2. */
import { EdgelogError } from '../core/errors.ts'
import type { LogEnds } from '../core/log/log-ends.ts'
import type { FetchRequest, FetchResult, SealedChunk } from '../core/log/partition-api.ts'
import type { RemoteRange } from '../core/log/remote/remote-segment.ts'
import type { Topic } from '../core/topic/topic.ts'
import { MissingObject, RemoteObjects } from '../remote/remote-objects.ts'
import {
  type KnownRange,
  type RemoteCache,
  readRemote,
  readRemoteSealed,
} from '../remote/remote-read.ts'
import type { KnownBounds } from './known-bounds.ts'
import type { CalledTopic, TopicMetadata } from './topic-metadata.ts'

/** How often a partition is asked again because an object was deleted while it was read. */
const MISSING_MAX = 3

export interface LogRead {
  readonly topicId: string
  readonly result: FetchResult
}

export class LogReader {
  readonly objects: RemoteObjects
  readonly #topics: TopicMetadata
  readonly #bounds: KnownBounds
  readonly #cache: RemoteCache

  constructor(
    topics: TopicMetadata,
    bounds: KnownBounds,
    bucket: R2Bucket | undefined,
    cache: RemoteCache,
  ) {
    this.#topics = topics
    this.#bounds = bounds
    this.#cache = cache
    this.objects = new RemoteObjects(bucket, cache.objects)
  }

  /**
   * Reads as `PartitionApi.read`, and remembers the ends of the log.
   *
   * @throws {EdgelogError} errors of the partition, `remote_storage_damaged`, `remote_storage_unavailable`.
   */
  async read(topic: CalledTopic, partition: number, request: FetchRequest): Promise<LogRead> {
    const kept = await this.#readKept(topic, partition, request.offset, (known, offset) =>
      readRemote(this.objects, known, { ...request, offset }),
    )
    return kept ?? (await untilThere(() => this.#readFresh(topic, partition, request)))
  }

  /**
   * Returns the sealed chunk that holds an offset, and remembers the ends of the log.
   *
   * @throws {EdgelogError} as `PartitionApi.readSealed`, `remote_storage_damaged`, `remote_storage_unavailable`.
   */
  async readSealed(
    { name, id }: Pick<Topic, 'name' | 'id'>,
    partition: number,
    offset: number,
  ): Promise<SealedChunk> {
    const topic = { name, id }
    const kept = await this.#readKept(topic, partition, offset, (known) =>
      readRemoteSealed(this.objects, known, offset),
    )
    return kept?.result ?? (await untilThere(() => this.#readFreshSealed(topic, partition, offset)))
  }

  /** Reads without a call to the partition, if the segment that holds the offset is known. */
  async #readKept<T>(
    topic: CalledTopic,
    partition: number,
    offset: FetchRequest['offset'],
    read: (known: KnownRange, offset: number) => Promise<T>,
  ): Promise<{ readonly topicId: string; readonly result: T } | undefined> {
    const found = await this.#kept(topic, partition, offset)
    if (found === undefined || typeof offset !== 'number') return undefined
    const { topicId, known } = found
    try {
      return { topicId, result: await read(known, offset) }
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      this.#cache.forget(topicId, partition)
      return undefined
    }
  }

  async #kept({ name, id }: CalledTopic, partition: number, offset: FetchRequest['offset']) {
    if (typeof offset !== 'number' || !this.#cache.isUsed) return undefined
    const topic = await this.#topics.get(name)
    if (id !== undefined && topic.id !== id) return undefined
    const known = this.#cache.rangeWith(topic.id, partition, offset, Date.now())
    return known === undefined ? undefined : { topicId: topic.id, known }
  }

  /** Keeps the segments that a partition has just returned. */
  rememberRange(range: RemoteRange, result: LogEnds & { topicVersion: number }): KnownRange {
    return this.#cache.remember(range, result, Date.now())
  }

  async #readFresh(topic: CalledTopic, partition: number, request: FetchRequest): Promise<LogRead> {
    let topicId = ''
    const result = await this.#topics.callPartitionOf(topic, partition, async (stub, { id }) => {
      topicId = id
      const read = await stub.read(request)
      if ('ok' in read) this.#bounds.remember(id, partition, read.ok)
      return read
    })
    const { remote, ...rest } = result
    if (remote === undefined) return { topicId, result }
    const known = this.rememberRange(remote, rest)
    const remoteRequest = { ...request, offset: rest.to }
    const found = await readRemote(this.objects, known, remoteRequest)
    return { topicId, result: { ...found, from: rest.from } }
  }

  async #readFreshSealed(
    topic: CalledTopic & Pick<Topic, 'id'>,
    partition: number,
    offset: number,
  ): Promise<SealedChunk> {
    const chunk = await this.#topics.callPartitionOf(topic, partition, (stub) =>
      stub.readSealed(offset),
    )
    this.#bounds.remember(topic.id, partition, chunk)
    const { remote, ...rest } = chunk
    if (remote === undefined) return chunk
    return await readRemoteSealed(this.objects, this.rememberRange(remote, rest), offset)
  }

  /** Returns the ends of the log, as they were in the last 30 s if the records at `offset` are in R2 only. */
  async endsFor(
    topic: CalledTopic,
    partition: number,
    offset: number,
  ): Promise<{ readonly topicId: string; readonly ends: LogEnds }> {
    const kept = await this.#kept(topic, partition, offset)
    if (kept !== undefined) return { topicId: kept.topicId, ends: endsOf(kept.known) }
    let topicId = ''
    const described = await this.#topics.callPartitionOf(topic, partition, (stub, { id }) => {
      topicId = id
      return stub.describe()
    })
    this.#bounds.remember(topicId, partition, described)
    return { topicId, ends: endsOf(described) }
  }
}

/** Repeats a read if retention was faster: the partition then returns other segments, or the new log start. */
async function untilThere<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof MissingObject) || attempt === MISSING_MAX) throw error
    }
  }
}

function endsOf({ logStartOffset, lastStableOffset, highWatermark }: LogEnds): LogEnds {
  return { logStartOffset, lastStableOffset, highWatermark }
}
