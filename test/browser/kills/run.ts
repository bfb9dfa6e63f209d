/** `npm run test:browser -- --kills N --seed S [--client FOLDER] [--worker FILE]` */
import { parseArgs } from 'node:util'
import { runKills } from './kill-harness.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string' },
    client: { type: 'string' },
    worker: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const kills = Number(values.kills)
console.log(`browser run: ${kills} kills, seed ${seed}`)
const { violations, ...figures } = await runKills({
  kills,
  seed,
  ...(values.client !== undefined && { clientFolder: values.client }),
  ...(values.worker !== undefined && { workerPath: values.worker }),
  onKill: (kill) => {
    if (kill % 10 === 0) console.log(`  ${kill} kills`)
  },
})
console.log(figures)
for (const violation of violations.slice(0, 50)) console.error(violation)
console.log(violations.length === 0 ? 'no violations' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
