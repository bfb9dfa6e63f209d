/**
 * edgelog/browser/streams: topologies that run in a page, offline too.
 *
 * @module
 * @example
 * import { int64, json, text, topology } from 'edgelog/browser/streams'
 */
export * from '../../streams/index.ts'
export type {
  RunningTopology,
  TopologyEvents,
  TopologyState,
  TopologyStatus,
} from '../../streams/runner/running-topology.ts'
export type {
  StoreRangeOptions,
  StoreView,
  StoreWindowsOptions,
} from '../../streams/runner/store-view.ts'
export type { TaskState } from '../../streams/runner/task-runner.ts'
export type { TaskFailure } from '../../streams/runner/topology-tasks.ts'
export type { PageRunningTopology } from './page-topology.ts'
export { type PageRunOptions, runTopology } from './run-topology.ts'
