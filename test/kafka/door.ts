/** The Kafka door in one process, with objects that respond as a test sets. */
import { Broker } from '../../src/broker/broker.ts'
import { newCaches } from '../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { type Authorizer, allowAll } from '../../src/core/access/authorizer.ts'
import { ANONYMOUS } from '../../src/core/access/principal.ts'
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { readResponseHeader, writeRequestHeader } from '../../src/core/kafka/request-header.ts'
import {
  type Messages,
  type ReadResponseOf,
  readResponse,
  type WrittenRequestOf,
  writeRequest,
} from '../../src/core/kafka/schema.ts'
import { FETCH_BYTES_MAX } from '../../src/core/limits.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { type KafkaCaller, serveFrames } from '../../src/kafka/serve-frames.ts'

const SIZE_BYTES = 4

/** Methods of an object; calling a missing one fails the call. */
type Methods = Record<string, (...args: never[]) => unknown>

export interface Objects {
  readonly coordinator?: Methods
  /** By the name of the object: topic id / partition. */
  readonly partition?: (name: string) => Methods
  readonly group?: (name: string) => Methods
  /** By the name of the object; without it the Worker has no transactions. */
  readonly transaction?: (name: string) => Methods
}

const NOTHING: Methods = {}

export function brokerOf(
  { coordinator, partition, group, transaction }: Objects,
  authorizer: Authorizer = allowAll,
): Broker {
  const env = {
    COORDINATOR: { getByName: () => coordinator ?? NOTHING },
    PARTITION: { idFromName: (name: string) => name, get: partition ?? (() => NOTHING) },
    GROUP: { getByName: group ?? (() => NOTHING) },
    ...(transaction && { TRANSACTION: { getByName: transaction } }),
  }
  return new Broker({
    objects: env as unknown as ObjectBindings,
    caches: newCaches(),
    principal: ANONYMOUS,
    authorizer,
  })
}

/** Makes a topic as the coordinator has it. */
export function topicOf(name: string, fields: Partial<Topic> = {}): Topic {
  const id = crypto.randomUUID()
  const config = resolveTopicConfig({})
  const topicName = parseTopicName(name)
  return { id, name: topicName, partitions: 1, version: 1, config, overrides: {}, ...fields }
}

export function callerOf(broker: Broker, fields: Partial<KafkaCaller> = {}): KafkaCaller {
  return {
    broker,
    clientHost: '127.0.0.1',
    address: { host: 'localhost', port: 9092 },
    settings: {
      autoCreateTopics: false,
      numPartitions: 1,
      offsetsRetentionMinutes: 10_080,
      retentionCheckIntervalMs: 300_000,
    },
    responseBytesMax: FETCH_BYTES_MAX,
    isAuthorized: true,
    ...fields,
  }
}

export function frameOf<M extends Messages>(
  messages: M,
  version: number,
  request: WrittenRequestOf<M>,
): Uint8Array {
  const writer = new ByteWriter()
  const header = { apiVersion: version, correlationId: 1, clientId: 'test' }
  writeRequestHeader(writer, messages, header)
  writeRequest(messages, version, request, writer)
  return writer.toBytes()
}

/** Returns the response to one frame; undefined if the connection is closed instead. */
export async function ask<M extends Messages>(
  caller: KafkaCaller,
  messages: M,
  version: number,
  request: WrittenRequestOf<M>,
): Promise<ReadResponseOf<M> | undefined> {
  const parts: Uint8Array[] = []
  for await (const part of serveFrames([frameOf(messages, version, request)], caller)) {
    parts.push(part)
  }
  return parts.length === 0 ? undefined : responseOf(messages, version, concatenate(parts))
}

/** Reads one response frame, with its size; undefined if it closes the connection. */
export function responseOf<M extends Messages>(
  messages: M,
  version: number,
  frame: Uint8Array,
): ReadResponseOf<M> | undefined {
  const reader = new ByteReader(frame)
  if (reader.int32() !== frame.length - SIZE_BYTES) return undefined
  readResponseHeader(reader, messages, version)
  return readResponse(messages, version, reader)
}
