/** Functions of the harness of tables that run in the page, without access to outer variables. */
import type { KeyedRecord, StoredTable } from './check-table.ts'

declare global {
  interface Window {
    /** Reports that a page has read an entry of a table. */
    reportRead(): Promise<void>
  }
}

/** Watches tables without end; returns at once. */
export function watchTables(topics: readonly string[]): void {
  async function watch(topic: string): Promise<void> {
    for await (const _ of window.log.table(topic).watch()) void window.reportRead()
  }
  for (const topic of topics) void watch(topic)
}

/** Returns the entries of a table. */
export async function readEntries(topic: string): Promise<KeyedRecord[]> {
  const found: KeyedRecord[] = []
  for await (const { offset, key, value } of window.log.table<string>(topic).entries()) {
    found.push({ offset, key: key ?? '', value })
  }
  return found
}

/** Returns partition 0 of each stored table, without the client. */
export async function readStoredTables(): Promise<Array<[topic: string, StoredTable]>> {
  interface Row {
    readonly copy: [topicId: string, partition: number, generation: number]
    readonly key: Uint8Array
    readonly value: Uint8Array
    readonly offset: number
  }
  interface Copy {
    readonly generation: number
    readonly position: number
  }
  interface State {
    readonly topic: string
    readonly topicId: string
    readonly partitions: ReadonlyArray<{ readonly shown: Copy | null; readonly build: Copy | null }>
  }
  const [found] = await indexedDB.databases()
  if (found?.name === undefined) return []
  const of = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const database = await of(indexedDB.open(found.name))
  const tx = database.transaction(['tables', 'tableRows'])
  const [states, rows] = await Promise.all([
    of<State[]>(tx.objectStore('tables').getAll()),
    of<Row[]>(tx.objectStore('tableRows').getAll()),
  ])
  database.close()
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  return states.map(({ topic, topicId, partitions: [first] }) => {
    const own = rows.filter(({ copy: [id] }) => id === topicId)
    const copyOf = (copy: Copy | null | undefined) =>
      copy == null
        ? null
        : {
            ...copy,
            rows: own
              .filter(({ copy: [, , generation] }) => generation === copy.generation)
              .map(({ offset, key, value }) => ({
                ...{ offset, key: text(key), value: JSON.parse(text(value)) as string },
              })),
          }
    const generations = [...new Set(own.map(({ copy: [, , generation] }) => generation))]
    return [topic, { shown: copyOf(first?.shown), build: copyOf(first?.build), generations }]
  })
}
