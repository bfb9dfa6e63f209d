/** Formats the table of `npm run bench`. */
import type { AppendCost } from './append-cost.ts'
import type { CompactionCost, CompactionFigures } from './compaction.ts'
import type { Comparison } from './compare.ts'
import type { DeliveryFigures } from './delivery.ts'
import type { GroupRowFigures } from './group-rows.ts'
import type { ManyTopicsFigures, TimeAndWait } from './many-topics.ts'
import { type Row, tableOfRows } from './markdown-table.ts'
import type { Rebalance, RebalanceFigures } from './rebalance.ts'
import type { RemoteCost } from './remote.ts'
import type { RowFigures } from './rows.ts'
import type { SealedFigures } from './sealed-reads.ts'
import type { TransactionCost } from './transaction-cost.ts'
import type { TransactionFigures } from './transaction-rates.ts'
import type { WakeFigures } from './wake.ts'

export interface Figures {
  readonly throughput: readonly Comparison[]
  readonly sessions: readonly Comparison[]
  readonly rows: RowFigures
  readonly appendCosts: readonly AppendCost[]
  readonly wake: WakeFigures
  readonly delivery: DeliveryFigures
  readonly client: Record<string, number>
  readonly rebalances: readonly RebalanceFigures[]
  readonly groupRates: readonly Comparison[]
  readonly groupRows: GroupRowFigures
  readonly manyTopics: ManyTopicsFigures
  readonly transactions: TransactionFigures
  readonly transactionCosts: readonly TransactionCost[]
  readonly sealedReads: SealedFigures
  readonly remote: readonly Comparison[]
  readonly remoteCost: RemoteCost
  readonly compaction: CompactionFigures
  readonly compactionCost: CompactionCost
}

export function tableOf(figures: Figures, footer: string): string {
  const rows = [
    ...figures.throughput.map(comparisonRow),
    ...figures.sessions.map(comparisonRow),
    ...logRows(figures),
    ...sealedRows(figures.sealedReads),
    ...figures.appendCosts.map(appendCostRow),
    ...rebalanceRows(figures.rebalances),
    ...figures.groupRates.map(comparisonRow),
    ...groupRowRows(figures.groupRows),
    ...manyTopicsRows(figures.manyTopics),
    ...transactionRows(figures.transactions),
    ...figures.transactionCosts.map(transactionCostRow),
    ...figures.remote.map(comparisonRow),
    ...remoteCostRows(figures.remoteCost),
    ...compactionRows(figures.compaction),
    ...compactionCostRows(figures.compactionCost),
  ]
  return tableOfRows(rows, footer)
}

function comparisonRow({ figure, ours, floor, unit, ratio, target }: Comparison): Row {
  const measured = `${Math.round(ours)} beside ${Math.round(floor)} ${unit}`
  return [figure, measured, ratio.toFixed(2), target]
}

function compactionRows(figures: CompactionFigures): Row[] {
  const { sizeBytes, keys, tookMs, leftBytes, floorMs, appendP99Ms, tableGetMs } = figures
  const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  const perSecond = (count: number) => Math.round(count / (tookMs.idle / 1_000))
  const each = (ms: number) => ms.toFixed(1)
  return [
    [
      `compaction of ${mb(sizeBytes)} with ${keys.toLocaleString('en')} keys, all passes, beside reading and writing each chunk once`,
      `${seconds(tookMs.idle)} beside ${seconds(floorMs)}; ${mb(leftBytes)} left; ${perSecond(sizeBytes / 1e6)} MB/s, ${perSecond(keys).toLocaleString('en')} keys/s`,
      (floorMs / tookMs.idle).toFixed(2),
      '',
    ],
    [
      'append of one record, p99, during such a compaction beside before',
      `${each(appendP99Ms.during)} beside ${each(appendP99Ms.before)} ms; it takes ${seconds(tookMs.besideAppends)}`,
      (appendP99Ms.during / appendP99Ms.before).toFixed(2),
      '<= 1.5',
    ],
    [
      'read of a key of a table, p50, beside a no-op object',
      `${tableGetMs.ours.toFixed(2)} beside ${tableGetMs.noop.toFixed(2)} ms`,
      (tableGetMs.ours / tableGetMs.noop).toFixed(2),
      '<= 1.3',
    ],
  ]
}

function compactionCostRows({ rowsPerGb, tableRows }: CompactionCost): Row[] {
  return [
    ['rows written per GB of a log that is compacted', rowsPerGb.toFixed(0), '', ''],
    [
      'rows written per 1,000 records of 100 keys with a table, 100 records a request, read after each',
      tableRows.toFixed(0),
      '',
      '',
    ],
  ]
}

function remoteCostRows(cost: RemoteCost): Row[] {
  const { moveRows, movePuts, moveHeads, readCalls, readGets } = cost
  const round = (count: number) => count.toFixed(0)
  return [
    [
      'rows written, and puts and heads of R2, per GB that moves to R2',
      `${round(moveRows)} rows, ${round(movePuts)} puts, ${round(moveHeads)} heads`,
      '',
      '',
    ],
    [
      'calls to the partition, and gets of R2, per GB read from R2 in 1 MB ranges',
      `${round(readCalls)} calls, ${round(readGets)} gets`,
      '',
      '<= 8 calls',
    ],
  ]
}

function appendCostRow({ way, calls, rows }: AppendCost): Row {
  const figure = `calls to the partition, and rows written, per 1,000 one-record appends by ${way}`
  return [figure, `${calls.toFixed(0)} calls, ${rows.toFixed(0)} rows`, '', '']
}

function logRows({ rows, wake, delivery, client }: Figures): Row[] {
  const added = (ms: number) => ((ms - delivery.appendMs) / delivery.roundTripMs).toFixed(2)
  return [
    ['rows written per 1,000 records in batches of 100', '', rows.atAppend.toFixed(1), '<= 11'],
    ['the same, over the whole life of the records', '', rows.wholeLife.toFixed(1), '<= 25'],
    [
      `wake with ${wake.largeBytes / 1e6} MB of log, beside 1 MB`,
      `${wake.largeMs.toFixed(1)} beside ${wake.smallMs.toFixed(1)} ms`,
      (wake.largeMs / wake.smallMs).toFixed(2),
      '0.8 to 1.2',
    ],
    [
      'append to long-poll reader, added over the append, in round trips',
      `${delivery.longPollMs.toFixed(2)} beside ${delivery.appendMs.toFixed(2)} ms`,
      added(delivery.longPollMs),
      '<= 1',
    ],
    [
      'append to WebSocket reader, added over the append, in round trips',
      `${delivery.webSocketMs.toFixed(2)} beside ${delivery.appendMs.toFixed(2)} ms`,
      added(delivery.webSocketMs),
      '<= 1',
    ],
    [
      "the client's `send()` of 100-byte records, all awaited",
      `${client.recordsPerSecond} records/s, ${client.peakMemoryMb} MB at most`,
      '',
      '',
    ],
  ]
}

function sealedRows({ rates, calls }: SealedFigures): Row[] {
  const measured = `${calls.warm}, beside ${calls.cold} before the cache had them`
  return [
    ...rates.map(comparisonRow),
    ['calls to the partition for 120 sealed chunks from the cache', measured, '', '0'],
  ]
}

function rebalanceRows(rebalances: readonly RebalanceFigures[]): Row[] {
  const each = (text: (figures: RebalanceFigures) => string | number) =>
    rebalances.map(text).join(' / ')
  const counts = each(({ memberCount }) => memberCount.toLocaleString('en'))
  const seconds = (pick: (figures: RebalanceFigures) => number) =>
    `${each((figures) => (pick(figures) / 1_000).toFixed(1))} s`
  const changes = (figure: string, pick: (figures: RebalanceFigures) => Rebalance): Row[] => {
    const moved = each((figures) => pick(figures).moved)
    const needed = each((figures) => pick(figures).needed)
    const isEqual = moved === needed ? '1.00' : 'not equal'
    return [
      [`${figure} until all is settled`, seconds((figures) => pick(figures).tookMs), '', ''],
      ['partitions that moved, beside the fewest', `${moved}, beside ${needed}`, isEqual, '1.00'],
    ]
  }
  return [
    [
      `1,000 partitions, ${counts} members: all join until all is settled`,
      seconds(({ allJoinMs }) => allJoinMs),
      '',
      '',
    ],
    ...changes('one more member joins', ({ oneJoins }) => oneJoins),
    ...changes('one of them leaves', ({ oneLeaves }) => oneLeaves),
  ]
}

function groupRowRows({ idleSeconds, idleRows, idleAlarms, perCommit }: GroupRowFigures): Row[] {
  return [
    [
      'rows written per hour by an idle group of 100 members',
      `${idleRows} in ${idleSeconds} s, besides ${idleAlarms} of the first alarm`,
      ((idleRows * 3_600) / idleSeconds).toFixed(1),
      '0',
    ],
    ['rows written per commit, 32 of one partition in flight', '', perCommit.toFixed(3), '<= 1'],
  ]
}

function manyTopicsRows({ floorMs, ...figures }: ManyTopicsFigures): Row[] {
  const rowsOf = (
    figure: string,
    { tookMs, longestWaitMs }: TimeAndWait,
    target: string,
  ): Row[] => [
    [
      figure,
      `${Math.round(tookMs)} beside ${Math.round(floorMs)} ms`,
      (tookMs / floorMs).toFixed(2),
      target,
    ],
    [
      'the longest wait of another request meanwhile',
      `${Math.round(longestWaitMs)} ms`,
      '',
      '<= 50 ms',
    ],
  ]
  const floor = 'beside one row in each of 400 new objects'
  return [
    ...rowsOf(
      `create 100 topics of 4 partitions, one CreateTopics, ${floor}`,
      figures.createByKafka,
      '<= 0.5',
    ),
    ...rowsOf('the same over HTTP, 16 at a time', figures.createByHttp, '<= 0.5'),
    ...rowsOf(
      'the first record in each of their partitions, 16 at a time',
      figures.firstAppends,
      '',
    ),
    ...rowsOf('delete the topics after that, one DeleteTopics', figures.deleteUsed, ''),
    ...rowsOf('delete 100 topics that were never used', figures.deleteUnused, '<= 0.5'),
  ]
}

function transactionRows({
  roundTripMs,
  oneShot,
  commits,
  copiedPerSecond,
}: TransactionFigures): Row[] {
  return [
    [
      'a transaction in one call over 3 partitions, p50, in round trips of a no-op',
      `${oneShot.p50Ms.toFixed(2)} (p99 ${oneShot.p99Ms.toFixed(1)}) beside ${roundTripMs.toFixed(2)} ms`,
      (oneShot.p50Ms / roundTripMs).toFixed(2),
      '<= 4',
    ],
    ...commits.map(({ partitions, commit, perSecond, perSecondOfMany }): Row => {
      const times = `p50 ${commit.p50Ms.toFixed(2)}, p99 ${commit.p99Ms.toFixed(1)} ms`
      const rates = `${perSecond.toFixed(0)}/s, by 16 producers ${perSecondOfMany.toFixed(0)}/s`
      const figure = `commit over ${partitions} partition${partitions === 1 ? '' : 's'}; whole transactions`
      return [figure, `${times}; ${rates}`, (commit.p50Ms / roundTripMs).toFixed(2), '']
    }),
    [
      'copy records with their offsets, 100 in each transaction',
      `${copiedPerSecond.toFixed(0)} records/s`,
      '',
      '',
    ],
  ]
}

function transactionCostRow({ way, rows }: TransactionCost): Row {
  return [`rows written for ${way}`, '', rows.toFixed(2), '']
}
