/** A topic whose values have one type, for Node, edge functions and pages alike. */
import type { ConsumerRecord, HeaderPair } from './consumer/consumer-record.ts'
import type { Payload, ProducerRecord } from './producer/record-input.ts'

export interface TopicOptions<Value> {
  /** JSON by default. */
  readonly serialize?: (value: Value) => Payload
  /** JSON by default; what it throws ends the iteration. */
  readonly deserialize?: (bytes: Uint8Array) => Value
}

/** A record to send; `null` as a value is a tombstone. */
export type TypedInput<Value> = Omit<ProducerRecord, 'value'> & { readonly value: Value | null }

export interface TypedRecord<Value> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1: none. */
  readonly timestamp: number
  readonly key: string | null
  readonly value: Value | null
  readonly headers: readonly HeaderPair[]
}

/** The part of a client that a topic uses. */
interface TopicClient<Options, Sent> {
  send(topic: string, record: ProducerRecord): Promise<Sent>
  consumer(topic: string, options: Options): MaybePromise<RecordSource>
}

interface RecordSource {
  records(): AsyncGenerator<ConsumerRecord, void, undefined>
  close(): Promise<void>
}

type MaybePromise<Result> = Result | Promise<Result>

/**
 * Sends and reads typed values.
 *
 * @typeParam Options the options of the client's `consumer`, without the topics
 * @typeParam Sent the result of the client's `send`
 * @example
 * const orders = log.topic<Order>('orders')
 * await orders.send({ key: 'alice', value: { item: 'tea' } })
 * for await (const { value } of orders.records({ from: 'earliest' })) console.log(value?.item)
 */
export class TypedTopic<Value, Options, Sent> {
  readonly name: string
  readonly #client: TopicClient<Options, Sent>
  readonly #serialize: (value: Value) => Payload
  readonly #deserialize: (bytes: Uint8Array) => Value

  /** @internal Made by `topic` of a client. */
  constructor(
    name: string,
    client: TopicClient<Options, Sent>,
    { serialize = JSON.stringify, deserialize = parseJson }: TopicOptions<Value>,
  ) {
    this.name = name
    this.#client = client
    this.#serialize = serialize
    this.#deserialize = deserialize
  }

  /** Sends one record. @throws {EdgelogError} as `send` of the client; what `serialize` throws. */
  async send({ value, ...record }: TypedInput<Value>): Promise<Sent> {
    const payload = value === null ? null : this.#serialize(value)
    return await this.#client.send(this.name, { ...record, value: payload })
  }

  /**
   * Yields records without end; leaving the loop closes the consumer. With `groupId`, as a member of a group.
   *
   * @throws {EdgelogError} as the iteration of a consumer; what `deserialize` throws.
   */
  async *records(options: Options): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const consumer = await this.#client.consumer(this.name, options)
    try {
      for await (const record of consumer.records()) {
        yield typedRecord(record, this.#deserialize)
      }
    } finally {
      await consumer.close()
    }
  }
}

export function typedRecord<Value>(
  record: ConsumerRecord,
  deserialize: (bytes: Uint8Array) => Value,
): TypedRecord<Value> {
  const { topic, partition, offset, timestamp, keyText: key, headers } = record
  const value = record.value === null ? null : deserialize(record.value)
  return { topic, partition, offset, timestamp, key, value, headers }
}

export function parseJson(bytes: Uint8Array): never {
  return JSON.parse(new TextDecoder().decode(bytes)) as never
}
