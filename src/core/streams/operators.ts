/** The kinds of nodes, each with the maker of its operator. */

import type { Operator, OperatorContext } from './operator.ts'
import { type AggregateNode, aggregate } from './operators/aggregate.ts'
import { type BranchNode, branch } from './operators/branch.ts'
import { type FilterNode, filter } from './operators/filter.ts'
import { type FlatMapNode, flatMap } from './operators/flat-map.ts'
import {
  type ForeignKeyRegisterNode,
  type ForeignKeyResolveNode,
  type ForeignKeySubscribeNode,
  foreignKeyRegister,
  foreignKeyResolve,
  foreignKeySubscribe,
} from './operators/foreign-key-join.ts'
import { type MapNode, map } from './operators/map.ts'
import { type MergeNode, merge } from './operators/merge.ts'
import { type PeekNode, peek } from './operators/peek.ts'
import { type ProcessNode, process } from './operators/process.ts'
import { type RepartitionNode, repartition } from './operators/repartition.ts'
import { type SessionAggregateNode, sessionAggregate } from './operators/session-aggregate.ts'
import { type SinkNode, sink } from './operators/sink.ts'
import { type SlidingAggregateNode, slidingAggregate } from './operators/sliding-aggregate.ts'
import { type SourceNode, source } from './operators/source.ts'
import { type StreamJoinNode, streamJoin } from './operators/stream-join.ts'
import { type StreamTableJoinNode, streamTableJoin } from './operators/stream-table-join.ts'
import { type SuppressNode, suppress } from './operators/suppress.ts'
import { type TableAggregateNode, tableAggregate } from './operators/table-aggregate.ts'
import { type TableFilterNode, tableFilter } from './operators/table-filter.ts'
import { type TableJoinNode, tableJoin } from './operators/table-join.ts'
import { type TableMapNode, tableMap } from './operators/table-map.ts'
import { type TableRekeyNode, tableRekey } from './operators/table-rekey.ts'
import { type ToStreamNode, toStream } from './operators/to-stream.ts'
import { type ToTableNode, toTable } from './operators/to-table.ts'
import { type WindowAggregateNode, windowAggregate } from './operators/window-aggregate.ts'

export type TopologyNode =
  | AggregateNode
  | BranchNode
  | FilterNode
  | FlatMapNode
  | MapNode
  | MergeNode
  | PeekNode
  | RepartitionNode
  | SinkNode
  | SourceNode
  | TableFilterNode
  | TableMapNode
  | ToStreamNode
  | ToTableNode
  | ForeignKeyRegisterNode
  | ForeignKeyResolveNode
  | ForeignKeySubscribeNode
  | ProcessNode
  | SessionAggregateNode
  | SlidingAggregateNode
  | StreamJoinNode
  | StreamTableJoinNode
  | SuppressNode
  | TableAggregateNode
  | TableJoinNode
  | TableRekeyNode
  | WindowAggregateNode

const FACTORIES = {
  aggregate,
  branch,
  filter,
  'flat-map': flatMap,
  map,
  merge,
  peek,
  repartition,
  sink,
  source,
  'table-filter': tableFilter,
  'table-map': tableMap,
  'to-stream': toStream,
  'to-table': toTable,
  'foreign-key-register': foreignKeyRegister,
  'foreign-key-resolve': foreignKeyResolve,
  'foreign-key-subscribe': foreignKeySubscribe,
  process,
  'session-aggregate': sessionAggregate,
  'sliding-aggregate': slidingAggregate,
  'stream-join': streamJoin,
  'stream-table-join': streamTableJoin,
  suppress,
  'table-aggregate': tableAggregate,
  'table-join': tableJoin,
  'table-rekey': tableRekey,
  'window-aggregate': windowAggregate,
}

/** Makes the operator of a node. */
export function operatorOf(node: TopologyNode, context: OperatorContext): Operator {
  const factory = FACTORIES[node.kind] as (node: TopologyNode, context: OperatorContext) => Operator
  return factory(node, context)
}
