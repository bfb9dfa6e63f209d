/** `npm run test:crash -- [--groups | --transactions | --compaction | --remote | --streams] --rounds N --seed S` */
import { parseArgs } from 'node:util'
import { runCompactionCrash } from './compaction/compaction-harness.ts'
import { runGroupCrash } from './groups/group-harness.ts'
import { runCrash } from './harness.ts'
import { runRemoteCrash } from './remote/remote-crash.ts'
import { runStreamsCrash } from './streams/streams-harness.ts'
import { runTransactionCrash } from './transactions/transaction-harness.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string' },
    groups: { type: 'boolean', default: false },
    transactions: { type: 'boolean', default: false },
    compaction: { type: 'boolean', default: false },
    remote: { type: 'boolean', default: false },
    streams: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const rounds = Number(values.rounds)
console.log(`crash run: ${rounds} rounds, seed ${seed}`)
const run = chosenRun()
const { violations, ...figures } = await run({
  rounds,
  seed,
  onRound: (round) => {
    if (round % 10 === 0) console.log(`  ${round} faults`)
  },
})
console.log(figures)
for (const { promise, what } of violations.slice(0, 50)) console.error(`${promise}: ${what}`)
console.log(violations.length === 0 ? 'no violations' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1

function chosenRun() {
  if (values.groups) return runGroupCrash
  if (values.remote) return runRemoteCrash
  if (values.streams) return runStreamsCrash
  if (values.transactions) return runTransactionCrash
  return values.compaction ? runCompactionCrash : runCrash
}
