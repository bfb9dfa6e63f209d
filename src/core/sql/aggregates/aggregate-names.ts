/** The names of the aggregate functions, for code that does not call them. */

const NAMES: ReadonlySet<string> = new Set([
  'ATTR',
  'AVG',
  'COLLECT_LIST',
  'COLLECT_SET',
  'CORRELATION',
  'COUNT',
  'COUNT_DISTINCT',
  'EARLIEST_BY_OFFSET',
  'HISTOGRAM',
  'LATEST_BY_OFFSET',
  'MAX',
  'MIN',
  'STDDEV_SAMP',
  'STDDEV_SAMPLE',
  'SUM',
  'SUM_LIST',
  'TOPK',
  'TOPKDISTINCT',
])

export function isAggregate(name: string): boolean {
  return NAMES.has(name)
}
