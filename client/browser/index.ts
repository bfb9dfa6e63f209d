/**
 * The edgelog client for web pages: reads and writes as if the log were a local database, offline,
 * across tabs and crashes, and synchronises automatically. Documented in docs/BROWSER.md.
 *
 * @module
 * @example
 * import { connect } from 'edgelog/browser'
 *
 * const log = connect({ url: 'https://log.example.com' })
 * log.on('status', ({ link, pending }) => console.log(link, pending))
 * await log.send('todos', { key: '1', value: 'buy milk' })
 * for await (const { records } of await log.consumer({ topics: ['todos'], from: 'earliest' })) {
 *   for (const { keyText, valueText } of records) console.log(keyText, valueText)
 * }
 */

export type {
  CompressionName,
  Decompressor,
  Decompressors,
} from '../../src/core/compression/codec.ts'
export { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
export type { Clock, Timer } from '../clock.ts'
export type { Consumer, PartitionPosition } from '../consumer/consumer.ts'
export type { StartPosition } from '../consumer/consumer-options.ts'
export type { ConsumerBatch, ConsumerRecord, HeaderPair } from '../consumer/consumer-record.ts'
export type { GroupConsumer } from '../group/group-consumer.ts'
export type { AssignmentChange } from '../group/group-events.ts'
export type { BatchHandler, RecordHandler } from '../group/handlers.ts'
export type { Fetch } from '../http/connection.ts'
export type { ClientSocket, WebSocketConstructor } from '../http/web-socket.ts'
export type { RecordMetadata } from '../producer/produced-batch.ts'
export type {
  HeadersInput,
  Payload,
  ProducerRecord,
  RecordValue,
} from '../producer/record-input.ts'
export type { TableEntriesOptions, TableGetOptions, TableOptions } from '../table.ts'
export type { TopicOptions, TypedInput, TypedRecord, TypedTopic } from '../typed-topic.ts'
export { type BrowserClient, type BrowserTopicReadOptions, connect } from './browser-client.ts'
export type { Outbox } from './outbox/outbox.ts'
export type { ParkedRecord, RetryOptions } from './outbox/outbox-contents.ts'
export type { Queued, QueuedBatch } from './outbox/outbox-producer.ts'
export type { BrowserTransactionWork, QueuedTransaction } from './outbox/queue-transaction.ts'
export type {
  BrowserConsumerOptions,
  BrowserGroupConsumerOptions,
} from './reading/open-consumer.ts'
export type { BrowserEvents, TopicReset } from './session/events.ts'
export type { BrowserClientOptions } from './session/options.ts'
export type { ClientStatus, StorageStatus } from './session/status.ts'
export type { CacheLimits } from './store/schema.ts'
export type { LastError, SyncStatus } from './sync/sync.ts'
export type { TransportName } from './sync/transport.ts'
export type { BrowserTable } from './table/browser-table.ts'
export type { TopicResetReason } from './tabs/channel.ts'
