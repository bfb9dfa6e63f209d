/**
 * The form of a transaction in the outbox: one record of a topic that no log has. Its key is the id of the transaction,
 * its value the JSON of the records. So it is stored, counted, sent and parked as a whole.
 */
import { type JsonRecordInput, recordFromJson } from '../../../src/core/batch/json-record.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { ConsumerRecord } from '../../consumer/consumer-record.ts'
import { UNASSIGNED_PARTITION } from '../store/schema.ts'

type StoredRecord = JsonRecordInput & { readonly topic: string }

/** Returns the id and the records of a stored transaction. */
export function transactionOf({ key, value }: NewRecord): { id: string; recordsJson: string } {
  const decoder = new TextDecoder()
  return { id: decoder.decode(key ?? undefined), recordsJson: decoder.decode(value ?? undefined) }
}

/** Returns the records of a stored transaction as they are shown. */
export function recordsInTransaction(stored: NewRecord): ConsumerRecord[] {
  const records = JSON.parse(transactionOf(stored).recordsJson) as StoredRecord[]
  return records.map((input) => {
    const record = recordFromJson(input, stored.timestamp)
    const { topic, partition = UNASSIGNED_PARTITION } = input
    return new ConsumerRecord(topic, partition, { ...record, offset: -1 })
  })
}

/** Returns the transaction under another id, because the log keeps the result of the former one. */
export function renewed(stored: NewRecord, timestamp: number | undefined): NewRecord {
  const { recordsJson } = transactionOf(stored)
  if (timestamp === undefined) {
    return storedTransaction(crypto.randomUUID(), recordsJson, stored.timestamp)
  }
  const records = (JSON.parse(recordsJson) as StoredRecord[]).map((one) => ({ ...one, timestamp }))
  return storedTransaction(crypto.randomUUID(), JSON.stringify(records), stored.timestamp)
}

export function storedTransaction(id: string, recordsJson: string, timestamp: number): NewRecord {
  const encoder = new TextEncoder()
  return { timestamp, key: encoder.encode(id), value: encoder.encode(recordsJson), headers: [] }
}
