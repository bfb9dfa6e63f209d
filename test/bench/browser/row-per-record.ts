/**
 * The baseline for the browser client: the same work with the usual one IndexedDB row per record. It avoids
 * other costs: it has no tabs, leader, sequences, checksums, limits or error handling. It also fetches the
 * records in binary and uses IndexedDB without a wrapper.
 */
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'

const BATCH = 'application/vnd.edgelog.batch'
const FETCH_BYTES = 1024 * 1024
/** Rows per transaction. */
const TRANSACTION_ROWS = 500

export class RowPerRecord {
  readonly #db: IDBDatabase
  readonly #recordsUrl: string

  private constructor(db: IDBDatabase, recordsUrl: string) {
    this.#db = db
    this.#recordsUrl = recordsUrl
  }

  static async open(name: string, url: string, topic: string): Promise<RowPerRecord> {
    const opening = indexedDB.open(name, 1)
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore('records', { keyPath: 'offset' })
      opening.result.createObjectStore('outbox', { autoIncrement: true })
    }
    return new RowPerRecord(await result(opening), `${url}/v1/topics/${topic}/partitions/0/records`)
  }

  close(): void {
    this.#db.close()
  }

  /** Stores [0, end), and fetches the next records during each store. */
  async catchUp(end: number): Promise<void> {
    let fetching = this.#fetch(0)
    for (let offset = 0; offset < end; ) {
      const records = await fetching
      offset = (records.at(-1)?.offset ?? end) + 1
      if (offset < end) fetching = this.#fetch(offset)
      await this.#store(records.filter((record) => record.offset < end))
    }
  }

  async #fetch(offset: number): Promise<LogRecord[]> {
    const url = `${this.#recordsUrl}?offset=${offset}&maxBytes=${FETCH_BYTES}`
    const response = await fetch(url, { headers: { accept: BATCH } })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const batches = readBatchHeaders(bytes).map((header) => decodeBatch(bytes, header, {} as never))
    return (await Promise.all(batches)).flat()
  }

  async #store(records: readonly LogRecord[]): Promise<void> {
    for (let start = 0; start < records.length; start += TRANSACTION_ROWS) {
      const tx = this.#db.transaction('records', 'readwrite', { durability: 'relaxed' })
      const rows = tx.objectStore('records')
      for (const { offset, timestamp, value } of records.slice(start, start + TRANSACTION_ROWS)) {
        // A copy, because for a view the browser stores its whole buffer.
        rows.put({ offset, timestamp, value: value?.slice() })
      }
      await done(tx)
    }
  }

  /** Reads the rows in [from, to). @returns their number. */
  async read(from: number, to: number): Promise<number> {
    const tx = this.#db.transaction('records')
    const range = IDBKeyRange.bound(from, to, false, true)
    return (await result(tx.objectStore('records').getAll(range))).length
  }

  /** Queues a record. Resolves when the record is durable. */
  async send(value: string): Promise<void> {
    const tx = this.#db.transaction('outbox', 'readwrite', { durability: 'strict' })
    tx.objectStore('outbox').put({ value })
    await done(tx)
  }

  /** Sends the queued records, some hundreds at a time. */
  async drain(): Promise<void> {
    for (;;) {
      const reading = this.#db.transaction('outbox').objectStore('outbox')
      const [keys, rows] = await Promise.all([
        result(reading.getAllKeys(null, TRANSACTION_ROWS)),
        result<Array<{ value: string }>>(reading.getAll(null, TRANSACTION_ROWS)),
      ])
      const last = keys.at(-1)
      if (last === undefined) return
      const response = await fetch(this.#recordsUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records: rows }),
      })
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      const tx = this.#db.transaction('outbox', 'readwrite', { durability: 'relaxed' })
      tx.objectStore('outbox').delete(IDBKeyRange.upperBound(last))
      await done(tx)
    }
  }
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function done(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve()
    tx.onabort = () => reject(tx.error)
  })
}
