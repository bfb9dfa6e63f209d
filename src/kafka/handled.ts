/** A Kafka API as the door uses it: its messages and its handler. */
import type { Broker } from '../broker/broker.ts'
import type { ByteReader } from '../core/bytes/byte-reader.ts'
import type { PartsWriter } from '../core/bytes/parts-writer.ts'
import {
  type Messages,
  type RequestOf,
  type ResponseOf,
  readRequest,
  writeResponse,
} from '../core/kafka/schema.ts'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

export interface KafkaSettings {
  /** Kafka's `auto.create.topics.enable`. */
  readonly autoCreateTopics: boolean
  /** Kafka's `num.partitions`. */
  readonly numPartitions: number
  /** Kafka's `offsets.retention.minutes`. */
  readonly offsetsRetentionMinutes: number
  /** Kafka's `log.retention.check.interval.ms`. */
  readonly retentionCheckIntervalMs: number
}

/** The context of a request in a handler. */
export interface KafkaCall {
  readonly broker: Broker
  readonly version: number
  /** The client id that the client sent; '' if none. */
  readonly clientId: string
  readonly clientHost: string
  /** The address of this server as the client reaches it: Kafka's advertised listener. */
  readonly address: HostAndPort
  readonly settings: KafkaSettings
  /** Bytes of records that the response may have. */
  readonly responseBytesMax: number
  /** True if the caller has authenticated, or need not. */
  readonly isAuthorized: boolean
  /** The microseconds of its accept, unique: orders the connections of one client; undefined if it is not known. */
  readonly connection?: number | undefined
  /** Closes the connection after this response, as a broker would. */
  close(): void
}

/** A request whose order among the others of its connection is decided. */
export interface Started<Response> {
  /** The response; null if Kafka sends none: a produce with acks=0. */
  readonly response: Promise<Response | null>
}

export interface KafkaApi {
  readonly messages: Messages
  /** True if the next request of such an API may start before this one has its response. */
  readonly isPipelined: boolean
  /**
   * Reads the body of the request and starts it; resolves when the next request may start.
   *
   * @param begin makes the frame that the response is written to.
   * @throws {DecodeError} for a body that is not such a request.
   */
  start(
    reader: ByteReader,
    call: KafkaCall,
    begin: () => PartsWriter,
  ): Promise<Started<PartsWriter>>
}

/** Makes an API whose requests are served one after the other. */
export function handled<M extends Messages>(
  messages: M,
  handle: (request: RequestOf<M>, call: KafkaCall) => Promise<ResponseOf<M>>,
): KafkaApi {
  return {
    messages,
    isPipelined: false,
    async start(reader, call, begin) {
      const response = await handle(readRequest(messages, call.version, reader), call)
      return { response: Promise.resolve(written(messages, call, response, begin)) }
    },
  }
}

/** Makes an API whose requests start one after the other, and are then served at once. */
export function pipelined<M extends Messages>(
  messages: M,
  start: (request: RequestOf<M>, call: KafkaCall) => Promise<Started<ResponseOf<M>>>,
): KafkaApi {
  return {
    messages,
    isPipelined: true,
    async start(reader, call, begin) {
      const { response } = await start(readRequest(messages, call.version, reader), call)
      return {
        response: response.then((value) => value && written(messages, call, value, begin)),
      }
    },
  }
}

function written<M extends Messages>(
  messages: M,
  call: KafkaCall,
  response: ResponseOf<M>,
  begin: () => PartsWriter,
): PartsWriter {
  const writer = begin()
  writeResponse(messages, call.version, response, writer)
  return writer
}
