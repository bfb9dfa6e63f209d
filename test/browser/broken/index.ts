/**
 * A naive client: it stores each record before it reports it as queued, and posts it again until it gets
 * a response, but without sequences, so the server cannot detect duplicates. The checker of deliveries
 * must detect its faults. It implements the part of the real client's API that the tests use.
 */

const RETRY_MS = 20

interface Row {
  readonly topic: string
  readonly partition: number
  readonly value: string
}

export function connect({ url }: { readonly url: string }) {
  const database = openDatabase()
  let sending: Promise<void> | undefined

  async function send(topic: string, record: { value: string; partition: number }) {
    const store = (await database).transaction('outbox', 'readwrite').objectStore('outbox')
    await settled(store.add({ topic, partition: record.partition, value: record.value }))
    void flush()
    return { queued: true }
  }

  function flush(): Promise<void> {
    sending ??= sendAll().finally(() => {
      sending = undefined
    })
    return sending
  }

  async function sendAll(): Promise<void> {
    for (;;) {
      const reading = (await database).transaction('outbox').objectStore('outbox').openCursor()
      const cursor = await settled(reading)
      if (cursor === null) return
      await post(cursor.value)
      const store = (await database).transaction('outbox', 'readwrite').objectStore('outbox')
      await settled(store.delete(cursor.key))
    }
  }

  async function post({ topic, partition, value }: Row): Promise<void> {
    for (;;) {
      const path = `/v1/topics/${topic}/partitions/${partition}/records`
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records: [{ value }] }),
      }).catch(() => undefined)
      if (response?.ok) return
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  return { send, flush, on: () => undefined }
}

async function openDatabase(): Promise<IDBDatabase> {
  const opening = indexedDB.open('broken', 1)
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('outbox', { autoIncrement: true })
  }
  return await settled(opening)
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
