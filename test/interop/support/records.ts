/** Sample records that all clients must read and write alike. */
import type { Client, ConsumerRecord } from '../../../client/index.ts'
import { readTopic } from '../../client/read-topic.ts'

/** A record as text, independent of the client. */
export interface PlainRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** Records with a key, without one, with headers, a tombstone, text that is not ASCII, an empty value. */
export const SAMPLES: readonly PlainRecord[] = [
  { key: 'k1', value: 'one', headers: {} },
  { key: null, value: 'no key', headers: {} },
  { key: 'k2', value: 'with headers', headers: { trace: 'abc', note: 'größe' } },
  { key: 'k1', value: null, headers: {} },
  { key: 'ключ', value: '値'.repeat(50), headers: {} },
  { key: 'empty', value: '', headers: {} },
  // A codec makes this smaller.
  { key: 'long', value: 'to be compressed '.repeat(200), headers: {} },
]

/** Reads a partition with edgelog's own client. */
export async function readNative(
  native: Client,
  topic: string,
  partition = 0,
): Promise<PlainRecord[]> {
  return (await readTopic(native, topic, partition)).map(plain)
}

/** Returns the values of each partition, in order. */
export async function valuesOf(
  native: Client,
  topic: string,
  partitions: number,
): Promise<(string | null)[][]> {
  return await Promise.all(
    Array.from({ length: partitions }, async (_, partition) =>
      (await readNative(native, topic, partition)).map(({ value }) => value),
    ),
  )
}

function plain({ keyText, valueText, headers }: ConsumerRecord): PlainRecord {
  return {
    key: keyText,
    value: valueText,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, textOf(value) ?? ''])),
  }
}

export function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString()
}

/** Returns `prefix-0`, `prefix-1`, ... */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix}-${number}`)
}
