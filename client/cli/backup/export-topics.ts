/** Writes topics, and the offsets of groups, to an export file. What the file has already is not read again. */
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { RESTORE_HOLE_MAX } from '../../../src/core/limits.ts'
import { topicConfigToJson } from '../../../src/core/topic/topic-config.ts'
import {
  type BatchRange,
  type Client,
  type CommittedOffset,
  EdgelogError,
  type TopicDescription,
} from '../../index.ts'
import type { TopicFrame } from './export-format.ts'
import { EXPORT_FRAME_OFFSETS, EXPORT_READ_BYTES } from './limits.ts'
import type { ExportWriter } from './write-export.ts'

export interface WorkOptions {
  readonly signal: AbortSignal
  readonly onProgress: (records: number, sizeBytes: number) => void
}

/**
 * Exports one topic, or all topics and groups.
 *
 * @param topic undefined: all
 * @throws {Error} if the file has other topics.
 */
export async function exportTopics(
  client: Client,
  writer: ExportWriter,
  topic: string | undefined,
  options: WorkOptions,
): Promise<void> {
  const isAll = topic === undefined
  const { state } = writer
  if (state.isAll === undefined) await writer.append({ type: 'start', isAll })
  checkScope(writer, topic)
  const { signal } = options
  if (state.isComplete) return
  const names = isAll
    ? (await client.admin.listTopics({ signal })).map(({ name }) => name)
    : [topic]
  await finishTopic(client, writer, options)
  for (const name of names) {
    if (state.topicIds.has(name)) continue
    const description = await client.admin.describeTopic(name, { signal })
    await writer.append(frameOf(description))
    await finishTopic(client, writer, options)
  }
  if (isAll) await exportGroups(client, writer, signal)
  await writer.end()
}

function checkScope({ state }: ExportWriter, topic: string | undefined): void {
  const [found] = state.topicIds.keys()
  const isOther = topic !== undefined && found !== undefined && found !== topic
  if (state.isAll === (topic === undefined) && !isOther) return
  const has = state.isAll ? 'all topics' : `topic ${found ?? ''}`
  throw new Error(`the file is an export of ${has}; name another file`)
}

function frameOf({ name, id, config, partitionDetails = [] }: TopicDescription): TopicFrame {
  const defaults = topicConfigToJson({})
  const changed = Object.entries(config).filter(([key, value]) => defaults[key] !== value)
  const ranges = partitionDetails.map(({ logStartOffset, lastStableOffset }) => {
    return { from: logStartOffset, to: lastStableOffset }
  })
  return { type: 'topic', name, topicId: id, config: Object.fromEntries(changed), ranges }
}

/** Exports what is missing of the last topic in the file. */
async function finishTopic(
  client: Client,
  writer: ExportWriter,
  options: WorkOptions,
): Promise<void> {
  const { topic, isTopicDone } = writer.state
  if (topic === undefined || isTopicDone) return
  await checkSame(client, topic, options.signal)
  for (const [partition, { to }] of topic.ranges.entries()) {
    await exportPartition(client, writer, { topic, partition, end: to }, options)
  }
}

async function checkSame(client: Client, topic: TopicFrame, signal: AbortSignal): Promise<void> {
  const options = { partitionDetails: false, signal }
  const { id } = await client.admin.describeTopic(topic.name, options)
  if (id === topic.topicId) return
  throw new Error(`topic ${topic.name} was created anew since; export it to another file`)
}

interface Source {
  readonly topic: TopicFrame
  readonly partition: number
  /** Records from this offset on are not exported. */
  readonly end: number
}

async function exportPartition(
  client: Client,
  writer: ExportWriter,
  source: Source,
  { signal, onProgress }: WorkOptions,
): Promise<void> {
  const { topic, partition, end } = source
  for (let from = writer.state.positions[partition] ?? end; from < end; ) {
    const range = cutRange(await readFrom(client, source, from, signal), end)
    const { to, batches } = range
    if (to <= from) throw new Error(`${topic.name}, partition ${partition}: no data at ${from}`)
    // The name is all that a read has. Without this the records of a later topic could be in the file.
    if (to === end) await checkSame(client, topic, signal)
    await writer.append({ type: 'records', partition, from, to, batches })
    onProgress(countRecords(batches), batches.length)
    from = to
  }
}

/** Reads from an offset on, or from the log start, if retention has passed the offset since the export began. */
async function readFrom(
  { admin }: Client,
  { topic, partition }: Source,
  from: number,
  signal: AbortSignal,
): Promise<BatchRange> {
  const options = { maxBytes: EXPORT_READ_BYTES, signal }
  try {
    return {
      ...(await admin.readBatches(topic.name, partition, { offset: from, ...options })),
      from,
    }
  } catch (error) {
    const isGone = error instanceof EdgelogError && error.code === 'offset_out_of_range'
    const logStart = isGone ? Number(error.details?.logStartOffset) : Number.NaN
    if (!(logStart > from)) throw error
    return {
      ...(await admin.readBatches(topic.name, partition, { offset: logStart, ...options })),
      from,
    }
  }
}

/** Removes the batches that begin at `end` or later. */
function cutRange({ from, to, batches }: BatchRange, end: number): BatchRange {
  const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
  const beyond = headers.find(({ baseOffset }) => baseOffset >= end)
  const kept = batches.subarray(0, beyond?.position)
  const wholeTo = Math.min(to, end)
  // A range without batches is restored as one empty batch.
  return {
    from,
    to: kept.length > 0 ? wholeTo : Math.min(wholeTo, from + RESTORE_HOLE_MAX),
    batches: kept,
  }
}

export function countRecords(batches: Uint8Array): number {
  if (batches.length === 0) return 0
  return readBatchHeaders(batches).reduce((sum, { recordsCount }) => sum + recordsCount, 0)
}

/** Exports the committed offsets of topics in the file. */
async function exportGroups(
  client: Client,
  writer: ExportWriter,
  signal: AbortSignal,
): Promise<void> {
  for (const { groupId } of await client.admin.listGroups({ signal })) {
    const committed = await offsetsOf(client, groupId, signal)
    const offsets = committed
      .filter(({ topic }) => writer.state.topicIds.has(topic))
      .map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata }))
    for (let from = 0; from < offsets.length; from += EXPORT_FRAME_OFFSETS) {
      const some = offsets.slice(from, from + EXPORT_FRAME_OFFSETS)
      await writer.append({ type: 'group', groupId, offsets: some })
    }
  }
}

/** Returns the offsets of a group; none if it does not exist. */
export async function offsetsOf(
  client: Client,
  groupId: string,
  signal: AbortSignal,
): Promise<readonly CommittedOffset[]> {
  try {
    return await client.group(groupId).offsets({ signal })
  } catch (error) {
    const isGone = error instanceof EdgelogError && error.code === 'group_id_not_found'
    if (isGone) return []
    throw error
  }
}
