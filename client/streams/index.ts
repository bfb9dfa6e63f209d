/** The language of topologies, for every platform. */

export type {
  CogroupedKStream,
  KGroupedStream,
  KGroupedTable,
  KStream,
  KTable,
  SessionWindowedKStream,
  WindowedKStream,
} from '../../src/core/streams/dsl/dsl.ts'
export type {
  ForeignKeyOptions,
  StreamJoinOptions,
  TableOptions,
  WindowedTableOptions,
} from '../../src/core/streams/dsl/dsl-options.ts'
export {
  keyValueStore,
  sessionStore,
  windowStore,
} from '../../src/core/streams/dsl/store-options.ts'
export { StreamsBuilder, topology } from '../../src/core/streams/dsl/streams-builder.ts'
export {
  joinWindows,
  sessionWindows,
  slidingWindows,
  timeWindows,
  untilTimeLimit,
  untilWindowCloses,
} from '../../src/core/streams/dsl/windows.ts'
export type {
  Processor,
  ProcessorContext,
  ProcessorSupplier,
} from '../../src/core/streams/processor.ts'
export {
  bytes,
  float64,
  int32,
  int64,
  json,
  type Serde,
  text,
} from '../../src/core/streams/serde.ts'
export type { StreamRecord, Windowed } from '../../src/core/streams/stream-record.ts'
export type { ErrorPolicy, Topology } from '../../src/core/streams/topology.ts'
export { sessionWindowed, timeWindowed } from '../../src/core/streams/windowed-serde.ts'
