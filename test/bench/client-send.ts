/** Runs as a separate process: `client-send.ts URL` sends a million records and awaits each. */
import { connect } from '../../client/index.ts'

const RECORDS = 1_000_000
const [url = ''] = process.argv.slice(2)
const log = connect({ url })
await log.admin.createTopic('sent')
const producer = log.createProducer()
const value = 'x'.repeat(100)
const startedAtMs = performance.now()
let sent: Promise<unknown>[] = []
for (let i = 0; i < RECORDS; i++) {
  sent.push(producer.send('sent', { value }))
  if (sent.length === 50_000) {
    await Promise.all(sent)
    sent = []
  }
}
await Promise.all(sent)
const seconds = (performance.now() - startedAtMs) / 1_000
await log.close()
const figures = {
  recordsPerSecond: Math.round(RECORDS / seconds),
  cpuMsPerThousand:
    (process.cpuUsage().user + process.cpuUsage().system) / 1_000 / (RECORDS / 1_000),
  peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1_000),
}
console.log(JSON.stringify(figures))
