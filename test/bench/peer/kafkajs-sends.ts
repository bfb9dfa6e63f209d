/** Runs as a separate process: `kafkajs-sends.ts BOOTSTRAP TOPIC IN_FLIGHT SECONDS` prints the sends per second. */
import { Kafka, logLevel } from 'kafkajs'

const WARM_UP_SECONDS = 1

const [bootstrap = '', topic = '', inFlight = '', seconds = ''] = process.argv.slice(2)
const messages = [{ value: 'x'.repeat(100), partition: 0 }]
const producer = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR }).producer()

/** Sends one record at a time in each of `inFlight` loops. @returns sends per second. */
async function rate(forSeconds: number): Promise<number> {
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + forSeconds * 1_000
  let sends = 0
  const send = async () => {
    while (performance.now() < endsAtMs) {
      await producer.send({ topic, messages, acks: -1 })
      sends += 1
    }
  }
  await Promise.all(Array.from({ length: Number(inFlight) }, send))
  return sends / ((performance.now() - startedAtMs) / 1_000)
}

await producer.connect()
await rate(WARM_UP_SECONDS)
console.log(JSON.stringify({ sendsPerSecond: await rate(Number(seconds)) }))
await producer.disconnect()
