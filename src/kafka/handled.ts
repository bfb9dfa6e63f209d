/** A Kafka API as the door uses it: its messages and its handler. */
import type { Broker } from '../broker/broker.ts'
import type { ByteReader } from '../core/bytes/byte-reader.ts'
import type { ByteWriter } from '../core/bytes/byte-writer.ts'
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
  /** True if the caller has authenticated, or need not. */
  readonly isAuthorized: boolean
  /** Closes the connection after this response, as a broker would. */
  close(): void
}

export interface KafkaApi {
  readonly messages: Messages
  /**
   * Reads the body of the request and writes the response; resolves to undefined if there is none.
   *
   * @throws {DecodeError} for a body that is not such a request.
   */
  answer(
    reader: ByteReader,
    call: KafkaCall,
    begin: () => ByteWriter,
  ): Promise<ByteWriter | undefined>
}

/** Makes an API from a handler. `handle` resolves to null if Kafka sends no response: a produce with acks=0. */
export function handled<M extends Messages>(
  messages: M,
  handle: (request: RequestOf<M>, call: KafkaCall) => Promise<ResponseOf<M> | null>,
): KafkaApi {
  return {
    messages,
    async answer(reader, call, begin) {
      const request = readRequest(messages, call.version, reader)
      const response = await handle(request, call)
      if (response === null) return undefined
      const writer = begin()
      writeResponse(messages, call.version, response, writer)
      return writer
    },
  }
}
