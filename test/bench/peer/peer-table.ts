/** Formats the table of `npm run bench:peer`. */
import { median } from '../http-load.ts'
import { markdownTable } from '../markdown-table.ts'
import type { Figure } from './measurements.ts'
import { SIDE_NAMES, type SideName } from './sides.ts'

/** The values of one figure, of all rounds. */
export interface FigureResult {
  readonly figure: Figure
  readonly values: Readonly<Record<SideName, readonly number[]>>
}

const HEADER = [
  'figure',
  'better',
  ...SIDE_NAMES,
  'edgelog / kafka',
  'edgelog / kafka-flushed',
] as const

export function peerTable(results: readonly FigureResult[]): string {
  return markdownTable(HEADER, results.map(rowOf))
}

function rowOf({ figure, values }: FigureResult): string[] {
  const ratio = (to: SideName) => {
    const divisor = median(values[to])
    return divisor === 0 ? '-' : (median(values.edgelog) / divisor).toFixed(2)
  }
  return [
    figure.name,
    figure.better,
    ...SIDE_NAMES.map((name) => cellOf(values[name])),
    ratio('kafka'),
    ratio('kafka-flushed'),
  ]
}

/** Returns the median, and the least and the greatest value if there are several. */
function cellOf(values: readonly number[]): string {
  const middle = format(median(values))
  if (values.length < 2) return middle
  return `${middle} (${format(Math.min(...values))} to ${format(Math.max(...values))})`
}

/** Returns three digits, or all digits of a whole number above 100. */
function format(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}
