/** Formats the rows of the table. */
import type { Row } from '../markdown-table.ts'
import type { CacheFigures } from './catch-up.ts'
import type { ReconnectFigures } from './reconnect.ts'
import type { SendFigures } from './send.ts'
import type { TopologyFigures } from './topology.ts'

const BESIDE = 'beside a row per record'

export function cacheRows({ catchUp, read }: CacheFigures): Row[] {
  const { recordsPerSecond, rowsPerSecond, discardedPerSecond } = catchUp
  return [
    [
      `catch-up of ${count(catchUp.recordsCount)} records into IndexedDB, ${BESIDE}`,
      `${count(recordsPerSecond)} beside ${count(rowsPerSecond)} records/s`,
      (recordsPerSecond / rowsPerSecond).toFixed(1),
      '>= 200,000 records/s',
    ],
    [
      'the same, beside the same tail thrown away',
      `${count(recordsPerSecond)} beside ${count(discardedPerSecond)} records/s`,
      (recordsPerSecond / discardedPerSecond).toFixed(2),
      '',
    ],
    [
      `a new page reads the last ${count(read.recordsCount)} records, the server gone, ${BESIDE}`,
      `${ms(read.readMs)} beside ${ms(read.rowsMs)} ms`,
      (read.readMs / read.rowsMs).toFixed(2),
      '< 300 ms',
    ],
  ]
}

export function sendRow({ concurrent, ours, rows }: SendFigures): Row {
  const both = ({ p50Ms, p95Ms }: SendFigures['ours']) => `${ms(p50Ms)} / ${ms(p95Ms)}`
  return [
    `\`send()\` until durable, p50 / p95, ${concurrent} at a time, ${BESIDE}`,
    `${both(ours)} beside ${both(rows)} ms`,
    (ours.p95Ms / rows.p95Ms).toFixed(2),
    'p95 < 10 ms',
  ]
}

export function reconnectRow(figures: ReconnectFigures): Row {
  const queued =
    figures.queuedAtOnce === 1 ? 'one by one' : `${count(figures.queuedAtOnce)} at a time`
  return [
    `from \`online\` / the first request until ${count(figures.recordsCount)} records, queued ${queued}, are sent, ${BESIDE}`,
    `${ms(figures.ms)} / ${ms(figures.fromRequestMs)} beside ${ms(figures.rowsMs)} ms`,
    (figures.ms / figures.rowsMs).toFixed(2),
    '< 2,000 ms',
  ]
}

export function topologyRow({ keys, recordsPerSecond, readPerSecond }: TopologyFigures): Row {
  return [
    `a topology sums the cached records of ${count(keys)} keys, beside a consumer that parses them`,
    `${count(recordsPerSecond)} beside ${count(readPerSecond)} records/s`,
    (recordsPerSecond / readPerSecond).toFixed(2),
    '',
  ]
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function ms(value: number): string {
  return value < 100 ? value.toFixed(1) : count(value)
}
