/**
 * The edgelog client, for browsers, edge functions and Node 20 or later.
 *
 * @module
 * @example
 * import { connect } from 'edgelog'
 *
 * const log = connect({ url: 'http://localhost:8787' })
 * await log.send('orders', { key: 'alice', value: 'hello' })
 * for await (const { records } of log.consumer({ topics: ['orders'], from: 'earliest' })) {
 *   for (const record of records) console.log(record.offset, record.valueText)
 * }
 */
export type { Codec, Codecs, CompressionName } from '../src/core/compression/codec.ts'
export { EdgelogError, type ErrorCode } from '../src/core/errors.ts'
export type {
  ApplicationDescription,
  ApplicationSummary,
  UpgradeDescription,
} from '../src/core/streams/application-api.ts'
export type { Admin, NewTopicOptions, PartitionOffset, TopicChangeOptions } from './admin.ts'
export type {
  Applications,
  RangeOptions,
  StoreQueryOptions,
  StoreReader,
  StoreRow,
  StoreRows,
  WindowsOptions,
} from './applications.ts'
export type { CallOptions } from './call-options.ts'
export { type Client, type ClientOptions, connect, type TopicReadOptions } from './client.ts'
export type { Clock, Timer } from './clock.ts'
export type { Consumer, PartitionPosition } from './consumer/consumer.ts'
export type { Assignment, ConsumerOptions, StartPosition } from './consumer/consumer-options.ts'
export type { ConsumerBatch, ConsumerRecord, HeaderPair } from './consumer/consumer-record.ts'
export type { ConfigValue, PartitionDetails, TopicDescription } from './describe-topic.ts'
export type { TransactionDescription } from './describe-transaction.ts'
export type {
  Group,
  GroupDescription,
  GroupMemberDescription,
  PartitionLag,
  ResetOffset,
  ResetOptions,
  ResetTarget,
} from './group/group.ts'
export type { CommittedOffset, OffsetCommit } from './group/group-calls.ts'
export type { GroupConsumer } from './group/group-consumer.ts'
export type { GroupConsumerOptions } from './group/group-consumer-options.ts'
export type { AssignmentChange, GroupConsumerEvents } from './group/group-events.ts'
export type {
  BatchHandler,
  RecordHandler,
  RunOptions,
  TransactionalBatchHandler,
  TransactionalRunOptions,
} from './group/handlers.ts'
export type { TopicPartition } from './group/held-partitions.ts'
export type { LagReport } from './group/lag-report.ts'
export type { GroupSummary } from './group/list-groups.ts'
export type { PolledRecords, PollOptions } from './group/poll.ts'
export type { Fetch } from './http/connection.ts'
export type { ClientSocket, WebSocketConstructor } from './http/web-socket.ts'
export type { RecordMetadata } from './producer/produced-batch.ts'
export type { Producer } from './producer/producer.ts'
export type { ProducerOptions, ProducerSettings } from './producer/producer-options.ts'
export type { HeadersInput, Payload, ProducerRecord, RecordValue } from './producer/record-input.ts'
export type { Transaction } from './producer/transaction/transaction.ts'
export { TransactionAbortedError } from './producer/transaction/transaction-error.ts'
export type {
  TopicPartitionOffset,
  TransactionalConsumer,
  TransactionOffset,
  TransactionResult,
} from './producer/transaction/transaction-parts.ts'
export type { TransactionOptions, TransactionWork } from './producer/transaction/transactions.ts'
export type { TierRebuilding, TierVerification } from './remote-storage.ts'
export type { BatchRange, RestoreRange } from './restore.ts'
export type { Transport } from './session/session-rule.ts'
export type { SqlColumn, SqlStatementResult } from './sql/open-statements.ts'
export type { Sql, SqlCall, SqlChange, SqlOptions, SqlResult, SqlRow } from './sql/sql.ts'
export type { SqlParameter, SqlParameters } from './sql/sql-text.ts'
export type { Table, TableEntriesOptions, TableGetOptions, TableOptions } from './table.ts'
export type { TopicOptions, TypedInput, TypedRecord, TypedTopic } from './typed-topic.ts'
