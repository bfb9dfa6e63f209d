/**
 * `npm run bench:browser`: compares the browser client in Chromium with one IndexedDB row per record, in one
 * run on one machine. Prints a table; `--write` also writes it to docs/BENCHMARKS.md.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { tableOfRows, writeTable } from '../markdown-table.ts'
import { measureCache } from './catch-up.ts'
import { measureReconnects } from './reconnect.ts'
import { cacheRows, reconnectRow, sendRow, topologyRow } from './rows.ts'
import { measureSends } from './send.ts'
import { withStage } from './stage.ts'
import { measureTopology, type TopologyFigures } from './topology.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)

const table = await withStage(async (stage) => {
  console.error('send ...')
  const sends = await measureSends(stage, rounds)
  console.error('reconnect ...')
  const reconnects = await measureReconnects(stage, { rounds, records: 10_000 })
  console.error('topologies ...')
  const topologies: TopologyFigures[] = []
  for (const keys of [1_000, 10_000]) {
    topologies.push(await measureTopology(stage, { rounds, records: 100_000, keys }))
  }
  // Runs last, because the deletions after each round keep the disk busy for a while.
  console.error('cache ...')
  const records = Number(values.records)
  const cache = await measureCache(stage, { rounds, records, rows: 100_000, read: 20_000 })
  const machine = `${cpus().length} x ${cpus()[0]?.model}, ${stage.browserVersion}`
  return tableOfRows(
    [
      ...cacheRows(cache),
      ...sends.map(sendRow),
      ...reconnects.map(reconnectRow),
      ...topologies.map(topologyRow),
    ],
    `Median of ${rounds} rounds, ${new Date().toISOString().slice(0, 10)}, ${machine}.`,
  )
})
console.log(table)
if (values.write) await writeTable(table, 'bench:browser')
