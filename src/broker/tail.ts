/** Opens the live tail of one partition, for the doors that push. */
import { EdgelogError, type ErrorBody, isErrorCode, type Reply } from '../core/errors.ts'
import { TAIL_CLOSE_CODES } from '../core/log/tail-protocol.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster, PartitionStub } from './cluster.ts'

export interface Tail {
  /** Carries the frames of `tail-protocol.ts`; must be accepted, and be sent credit as a number. */
  readonly socket: WebSocket
  /** Where it starts: the offset asked for, resolved. */
  readonly offset: number
  readonly highWatermark: number
  readonly logStartOffset: number
}

export interface TailOptions {
  readonly offset: number | 'earliest' | 'latest'
  readonly creditBytes: number
}

/** @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`, `throttled`. */
export async function openTail(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: TailOptions,
): Promise<Tail> {
  return await cluster.callPartition(name, partition, (stub) => connect(stub, options))
}

async function connect(
  stub: PartitionStub,
  { offset, creditBytes }: TailOptions,
): Promise<Reply<Tail>> {
  const response = await stub.fetch(
    `https://partition/tail?offset=${offset}&creditBytes=${creditBytes}`,
    { headers: { Upgrade: 'websocket' } },
  )
  const { headers, webSocket } = response
  if (webSocket === null) return { error: await response.json<ErrorBody>() }
  return {
    ok: {
      socket: webSocket,
      offset: Number(headers.get('edgelog-offset')),
      highWatermark: Number(headers.get('edgelog-high-watermark')),
      logStartOffset: Number(headers.get('edgelog-log-start-offset')),
    },
  }
}

/** Why a partition closed a tail. Any other end means that the partition went away for a moment. */
export function tailClosedError(event: { code: number; reason: string }): EdgelogError {
  const entry = Object.entries(TAIL_CLOSE_CODES).find(([, code]) => code === event.code)
  return entry !== undefined && isErrorCode(entry[0])
    ? new EdgelogError(entry[0], event.reason)
    : new EdgelogError('unavailable', 'the tail was interrupted, resume from the last offset')
}
