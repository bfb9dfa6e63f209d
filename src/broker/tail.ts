/** Opens the live tail of one partition, for the doors that push records. */
import { EdgelogError, type ErrorBody, isErrorCode, type Result } from '../core/errors.ts'
import type { IsolationLevel, LogEnds } from '../core/log/log-ends.ts'
import type { RemoteRange } from '../core/log/remote/remote-segment.ts'
import { TAIL_CLOSE_CODES } from '../core/log/tail-protocol.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import type { PartitionStub } from './objects.ts'
import { openRemoteTail } from './remote-tail.ts'
import { otherTopic } from './topic-errors.ts'

export interface Tail extends LogEnds {
  /** Carries the frames of `tail-protocol.ts`. The caller must accept it, and sends credit as a number. */
  readonly socket: WebSocket
  readonly topicId: string
  /** The resolved start offset. */
  readonly offset: number
}

export interface TailOptions {
  readonly offset: number | 'earliest' | 'latest'
  readonly creditBytes: number
  readonly isolation: IsolationLevel
  /** The expected topic: an offset of one topic is meaningless for another with the same name. */
  readonly topicId?: string | undefined
}

/**
 * Opens a tail.
 *
 * @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`, `unknown_topic_id`, `throttled`.
 */
export async function openTail(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: TailOptions,
): Promise<Tail> {
  const { topicId } = options
  if (topicId !== undefined) await expectTopicId(cluster, name, topicId)
  try {
    const opened = await connect(cluster, name, partition, options)
    if ('socket' in opened) return opened
    return followFromRemote(cluster, name, partition, options, opened)
  } catch (error) {
    const isGone = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
    // The topic may have just been recreated with fewer partitions: then `unknown_topic_id` is the better error.
    if (isGone && topicId !== undefined) await expectTopicId(cluster, name, topicId)
    throw error
  }
}

/** The cached topic may be older than the caller's, so the coordinator is asked before the call fails. */
async function expectTopicId(cluster: Cluster, name: TopicName, topicId: string): Promise<void> {
  if ((await cluster.topics.get(name)).id === topicId) return
  const topic = await cluster.topics.lookUp(name)
  if (topic.id !== topicId) throw otherTopic(topic)
}

/** Where the records of a tail begin, if they are in R2 only. */
interface RemoteStart extends Omit<Tail, 'socket'> {
  readonly remote: RemoteRange
  readonly topicVersion: number
}

async function connect(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: TailOptions,
): Promise<Tail | RemoteStart> {
  return await cluster.topics.callPartition(name, partition, (stub, topic) =>
    connectTo(stub, topic, options),
  )
}

async function connectTo(
  stub: PartitionStub,
  topic: Topic,
  { offset, creditBytes, isolation, topicId = topic.id }: TailOptions,
): Promise<Result<Tail | RemoteStart>> {
  // The topic was recreated between the check above and this call.
  if (topic.id !== topicId) return { error: otherTopic(topic).toBody() }
  const response = await stub.fetch(
    `https://partition/tail?offset=${offset}&creditBytes=${creditBytes}&isolation=${isolation}`,
    { headers: { Upgrade: 'websocket' } },
  )
  const { headers, webSocket } = response
  if (webSocket === null) {
    if (!response.ok) return { error: await response.json<ErrorBody>() }
    const start = await response.json<Omit<RemoteStart, 'topicId' | 'topicVersion'>>()
    return { ok: { ...start, topicId, topicVersion: topic.version } }
  }
  return {
    ok: {
      socket: webSocket,
      topicId,
      offset: Number(headers.get('edgelog-offset')),
      highWatermark: Number(headers.get('edgelog-high-watermark')),
      lastStableOffset: Number(headers.get('edgelog-last-stable-offset')),
      logStartOffset: Number(headers.get('edgelog-log-start-offset')),
    },
  }
}

/** Begins a tail in R2. It joins the partition's tail where the partition's own records begin. */
function followFromRemote(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: TailOptions,
  { remote, topicVersion, ...position }: RemoteStart,
): Tail {
  const { reader } = cluster
  const { isolation, creditBytes } = options
  const { topicId, offset } = position
  const known = reader.rememberRange(remote, { ...position, topicVersion })
  const start = { known, offset, creditBytes, isolation }
  const socket = openRemoteTail(reader.objects, start, async (place) => {
    const opened = await connect(cluster, name, partition, { ...place, isolation, topicId })
    return 'socket' in opened ? opened.socket : reader.rememberRange(opened.remote, opened)
  })
  return { ...position, socket }
}

/** Returns why a partition closed a tail. Any other close code means that the partition was interrupted. */
export function tailClosedError(event: { code: number; reason: string }): EdgelogError {
  const entry = Object.entries(TAIL_CLOSE_CODES).find(([, code]) => code === event.code)
  return entry !== undefined && isErrorCode(entry[0])
    ? new EdgelogError(entry[0], event.reason)
    : new EdgelogError('unavailable', 'the tail was interrupted; resume from the last offset')
}
