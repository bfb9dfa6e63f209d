/** Runs a generated case in the test driver. */
import {
  bytes,
  type Serde,
  type TestDriver,
  testDriver,
  text,
} from '../../../client/streams/node/index.ts'
import { buildTopology } from './build.ts'
import type { Case, Input } from './case.ts'

type Text = string | null

const nullable = text as Serde<unknown> as Serde<Text>
const streamTexts = { key: nullable, value: nullable }

/** Returns the lines that the Java program prints for the case. */
export function runCase(spec: Case): string[] {
  const driver = testDriver(buildTopology(spec))
  const lines: string[] = []
  for (const [index, input] of spec.inputs.entries()) {
    pipeInput(driver, input)
    for (const sink of spec.sinks) {
      lines.push(...drainSink(driver, sink).map((record) => `${index} ${sink} ${record}`))
    }
  }
  for (const store of spec.stores) {
    const rows = driver.store<string, unknown>(store).entries()
    lines.push(...rows.map(([key, value]) => `store ${store} ${key} ${value}`).sort())
  }
  return lines
}

export function pipeInput(driver: TestDriver, input: Input): void {
  if ('advanceMs' in input) driver.advanceWallClock(input.advanceMs)
  else driver.input<Text, Text>(input.topic, streamTexts).pipe(input)
}

/** Returns the new records of a sink: the bytes of the key, the value and the timestamp. */
export function drainSink(driver: TestDriver, sink: string): string[] {
  return driver
    .output(sink, { key: bytes, value: text })
    .drain()
    .map(({ key, value, timestamp }) => {
      const valueBytes = value === null ? null : encoder.encode(value)
      return sinkLine({ key, value: valueBytes, timestamp })
    })
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface SinkRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
}

/** Returns a record as the Java program prints it: the bytes of the key, the text of the value, the timestamp. */
export function sinkLine({ key, value, timestamp }: SinkRecord): string {
  const hex = key === null ? 'null' : Buffer.from(key).toString('hex')
  return `${hex} ${value === null ? 'null' : `'${decoder.decode(value)}'`} @${timestamp}`
}
