/** Readers of one partition from its beginning on: by fetch in both isolations, and by the live tail. */
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { readBatchHeaders, verifyCrc } from '../../../src/core/batch/record-batch.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import {
  decodeTailEntries,
  decodeTailFrame,
  TAIL_ENTRY_FRAME,
  TAIL_ID_BYTES,
} from '../../../src/core/log/tail-protocol.ts'
import type { Load } from './load.ts'
import { readAsKafka } from './read-as-kafka.ts'
import type { FinalPartition, Place, Reader, SeenRecord } from './transaction-history.ts'

const RETRY_MS = 30
const WAIT_MS = 100
const text = new TextDecoder()

function beginReader({ history }: Load, kind: Reader['kind'], place: Place): Reader {
  const reader: Reader = { ...place, kind, seen: [], stableOffsets: [], position: 0 }
  history.readers.push(reader)
  return reader
}

export async function runFetchReader(
  load: Load,
  isolation: 'committed' | 'uncommitted',
  place: Place,
): Promise<void> {
  const reader = beginReader(load, `${isolation} fetch`, place)
  while (load.isRunning()) {
    const reply = await load.client.read(place, reader.position, isolation, WAIT_MS)
    if (reply.kind !== 'ok') {
      await sleep(RETRY_MS)
      continue
    }
    const { records, nextOffset, lastStableOffset } = reply.value
    const seenAt = performance.now()
    for (const { offset, value } of records) reader.seen.push({ offset, value, seenAt })
    reader.stableOffsets.push(lastStableOffset)
    reader.position = nextOffset
  }
}

export async function runTailReader(load: Load, place: Place): Promise<void> {
  const reader = beginReader(load, 'committed tail', place)
  while (load.isRunning()) {
    const reply = await load.client.tail(place, reader.position)
    if (reply.kind !== 'ok') {
      await sleep(RETRY_MS)
      continue
    }
    for (const { kind, bytes } of decodeTailEntries(reply.value)) {
      if (kind !== TAIL_ENTRY_FRAME) continue
      const frame = decodeTailFrame(bytes, TAIL_ID_BYTES)
      reader.seen.push(...(await recordsOf(frame.batches, frame.from)))
      reader.stableOffsets.push(frame.lastStableOffset)
      reader.position = frame.to
    }
  }
}

async function recordsOf(batches: Uint8Array, from: number): Promise<SeenRecord[]> {
  const seenAt = performance.now()
  const seen: SeenRecord[] = []
  for (const header of batches.length === 0 ? [] : readBatchHeaders(batches)) {
    verifyCrc(batches, header)
    for (const [delta, { value }] of (await decodeBatch(batches, header, CODECS)).entries()) {
      const offset = header.baseOffset + delta
      if (offset >= from) {
        seen.push({ offset, value: text.decode(value ?? new Uint8Array(0)), seenAt })
      }
    }
  }
  return seen
}

/** Reads a whole partition in both isolations. @throws if the server does not respond. */
export async function readFinal({ client }: Load, place: Place): Promise<FinalPartition> {
  const readAll = async (isolation: 'committed' | 'uncommitted') => {
    const records: Array<{ offset: number; value: string }> = []
    for (let offset = 0; ; ) {
      const reply = await client.read(place, offset, isolation)
      if (reply.kind !== 'ok') throw new Error(`${place.topic}: ${JSON.stringify(reply)}`)
      const { nextOffset, lastStableOffset, highWatermark } = reply.value
      records.push(...reply.value.records)
      if (nextOffset === offset) return { records, lastStableOffset, highWatermark }
      offset = nextOffset
    }
  }
  const { records: committed, lastStableOffset, highWatermark } = await readAll('committed')
  const { records: uncommitted } = await readAll('uncommitted')
  const asKafka = await readAsKafka(client, place)
  return { ...place, committed, uncommitted, asKafka, lastStableOffset, highWatermark }
}
