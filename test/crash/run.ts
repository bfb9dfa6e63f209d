/** `npm run test:crash -- --rounds N --seed S` */
import { parseArgs } from 'node:util'
import { runCrash } from './harness.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const rounds = Number(values.rounds)
console.log(`crash run: ${rounds} rounds, seed ${seed}`)
const { violations, ...figures } = await runCrash({
  rounds,
  seed,
  onRound: (round) => {
    if (round % 10 === 0) console.log(`  ${round} kills`)
  },
})
console.log(figures)
for (const { promise, what } of violations.slice(0, 50)) console.error(`${promise}: ${what}`)
console.log(violations.length === 0 ? 'no violations' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
