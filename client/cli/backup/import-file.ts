/**
 * Restores the topics and group offsets of an export file. The file is read three times, so that nothing is changed by
 * one that is damaged: to check it, for the topics with their records, and for the offsets of groups.
 */
import type { FileHandle } from 'node:fs/promises'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { REQUEST_BATCHES_MAX } from '../../../src/core/limits.ts'
import { type Client, EdgelogError, type RestoreRange } from '../../index.ts'
import type { RecordsFrame, TopicFrame } from './export-format.ts'
import { countRecords, type WorkOptions } from './export-topics.ts'
import { findTopic, OffsetImport } from './import-offsets.ts'
import { type ReadFrame, readExport } from './read-export.ts'

interface ExportFile {
  readonly file: FileHandle
  readonly name: string
}

/**
 * Imports a file. What was imported before is left as it is.
 *
 * @throws {Error} for a file that is incomplete, damaged, of another version or no export; then nothing is changed.
 * @throws {EdgelogError} `policy_violation` if a partition has other records than those of the file.
 */
export async function importFile(
  client: Client,
  { file, name }: ExportFile,
  options: WorkOptions,
): Promise<void> {
  const frames = () => interruptible(readExport(file, name), options.signal)
  for await (const { frame } of frames()) {
    if (frame.type === 'topic') await checkTopic(client, frame, options.signal)
  }
  let target: Target | undefined
  for await (const { frame } of frames()) {
    if (frame.type === 'topic') target = await openTarget(client, frame, options.signal)
    if (frame.type === 'records' && target !== undefined) {
      await restoreFrame(client, target, frame, options)
    }
  }
  const offsets = new OffsetImport(client, options.signal)
  for await (const { frame } of frames()) if (frame.type === 'group') await offsets.add(frame)
}

async function* interruptible(
  frames: AsyncGenerator<ReadFrame>,
  signal: AbortSignal,
): AsyncGenerator<ReadFrame> {
  for await (const read of frames) {
    signal.throwIfAborted()
    yield read
  }
}

/** The topic that is restored. */
interface Target {
  readonly topic: TopicFrame
  /** The end of each partition's log. */
  readonly ends: number[]
}

/** Checks a topic that exists already, before anything is changed. */
async function checkTopic(client: Client, topic: TopicFrame, signal: AbortSignal): Promise<void> {
  const found = await findTopic(client, topic.name, signal)
  if (found === undefined) return
  const { length: wanted } = topic.ranges
  if (found.partitions !== wanted) {
    const why = `it exists with ${found.partitions} partitions, and the file has ${wanted}`
    throw new Error(`topic ${topic.name}: ${why}; delete it first`)
  }
  for (const { partition, highWatermark: end } of found.partitionDetails ?? []) {
    if (end === 0) continue
    const range = { sourceId: topic.topicId, from: end, to: end, batches: new Uint8Array(0) }
    await inPartition(topic, partition, () =>
      client.admin.restoreBatches(topic.name, partition, range, { signal }),
    )
  }
}

/** Adds the topic and the partition to an error of the server. */
async function inPartition<T>(
  { name }: TopicFrame,
  partition: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    const message = `topic ${name}, partition ${partition}: ${error.message}`
    throw new EdgelogError(error.code, message, { cause: error })
  }
}

/** Creates the topic if it does not exist, and gives partitions without records the start of their logs. */
async function openTarget(client: Client, topic: TopicFrame, signal: AbortSignal): Promise<Target> {
  const { name, topicId, config, ranges } = topic
  const { admin } = client
  await admin.createTopic(
    name,
    { ifNotExists: true, partitions: ranges.length, config },
    { signal },
  )
  const { partitionDetails = [] } = await admin.describeTopic(name, { signal })
  const ends = partitionDetails.map(({ highWatermark }) => highWatermark)
  for (const [partition, { from, to }] of ranges.entries()) {
    if (ends[partition] !== 0 || from !== to || from === 0) continue
    const range = { sourceId: topicId, from, to, batches: new Uint8Array(0) }
    await inPartition(topic, partition, () =>
      admin.restoreBatches(name, partition, range, { signal }),
    )
    ends[partition] = to
  }
  return { topic, ends }
}

async function restoreFrame(
  { admin }: Client,
  { topic, ends }: Target,
  frame: RecordsFrame,
  { signal, onProgress }: WorkOptions,
): Promise<void> {
  const { partition, to } = frame
  const end = ends[partition] ?? 0
  if (to > end) {
    const range = { sourceId: topic.topicId, ...restOf(frame, end) }
    await inPartition(topic, partition, () =>
      restoreInParts(range, (part) =>
        admin.restoreBatches(topic.name, partition, part, { signal }),
      ),
    )
    ends[partition] = to
  }
  // Records that were there before move only the bar.
  onProgress(to > end ? countRecords(frame.batches) : 0, frame.batches.length)
}

/** Restores a range in one call, or in several if it has too many batches, or too much when it is decompressed. */
async function restoreInParts(
  range: RestoreRange,
  restore: (part: RestoreRange) => Promise<void>,
): Promise<void> {
  const { batches } = range
  const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
  const middle = headers[Math.ceil(headers.length / 2) - 1]
  if (headers.length <= REQUEST_BATCHES_MAX) {
    try {
      await restore(range)
      return
    } catch (error) {
      const isTooLarge = error instanceof EdgelogError && error.code === 'request_too_large'
      if (!isTooLarge || headers.length < 2) throw error
    }
  }
  if (middle === undefined) return
  const { position, sizeBytes, baseOffset, lastOffsetDelta } = middle
  const [offset, at] = [baseOffset + lastOffsetDelta + 1, position + sizeBytes]
  await restoreInParts({ ...range, to: offset, batches: batches.subarray(0, at) }, restore)
  await restoreInParts({ ...range, from: offset, batches: batches.subarray(at) }, restore)
}

/** Removes what the log has already: that of an earlier import of another file, which ended between two batches. */
function restOf(frame: RecordsFrame, end: number): Pick<RecordsFrame, 'from' | 'to' | 'batches'> {
  const { from, to, batches } = frame
  if (end <= from) return { from, to, batches }
  const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
  const first = headers.find(
    ({ baseOffset, lastOffsetDelta }) => baseOffset + lastOffsetDelta >= end,
  )
  return { from: end, to, batches: batches.subarray(first?.position ?? batches.length) }
}
