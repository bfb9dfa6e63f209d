/**
 * edgelog/streams: stream processing with the operators of Kafka Streams.
 *
 * @module
 * @example
 * import { int64, json, text, topology } from 'edgelog/streams'
 */
export * from '../index.ts'
export type {
  RunningTopology,
  TopologyEvents,
  TopologyState,
  TopologyStatus,
} from '../runner/running-topology.ts'
export type { StoreRangeOptions, StoreView, StoreWindowsOptions } from '../runner/store-view.ts'
export type { TaskState } from '../runner/task-runner.ts'
export type { TaskFailure } from '../runner/topology-tasks.ts'
export {
  type TestDriver,
  type TestDriverOptions,
  type TestInputRecord,
  type TestOutputRecord,
  type TestStore,
  testDriver,
} from '../test-driver.ts'
export { type RunOptions, runTopology } from './run-topology.ts'
