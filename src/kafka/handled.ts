/** What a Kafka API is to the door: its messages, and who answers them. */
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

/** What a handler knows besides the request. */
export interface KafkaCall {
  readonly broker: Broker
  readonly version: number
  /** As the client calls itself; '' if it does not. */
  readonly clientId: string
  readonly clientHost: string
  /** Where the client reaches this server: what Kafka calls the advertised listener. */
  readonly address: HostAndPort
  readonly settings: KafkaSettings
  /** The caller showed the token, or needs none. */
  readonly isAuthorized: boolean
  /** Ends the connection behind this answer, as a broker would. */
  close(): void
}

export interface KafkaApi {
  readonly messages: Messages
  /**
   * Reads the request's body and appends the response's; resolves to false where none is sent.
   *
   * @throws {DecodeError} for what is no such request.
   */
  answer(
    reader: ByteReader,
    call: KafkaCall,
    begin: () => ByteWriter,
  ): Promise<ByteWriter | undefined>
}

/** `handle` resolves to null where Kafka sends no response: a produce with acks=0. */
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
