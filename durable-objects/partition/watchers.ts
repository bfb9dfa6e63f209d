/**
 * The tasks that read a partition. A task that has read to the end is armed; the next commit calls it once. The call is
 * a hint: if it is lost, the task asks again later. After a start all tasks are armed.
 */
import type { TaskApi } from '../../src/core/streams/task-api.ts'

export type TaskBinding = DurableObjectNamespace<Rpc.DurableObjectBranded & Pick<TaskApi, 'news'>>

export class Watchers {
  readonly #sql: SqlStorage
  readonly #binding: TaskBinding | undefined
  /** Undefined until they are needed. */
  #tasks: Set<string> | undefined
  readonly #armed = new Set<string>()

  constructor(sql: SqlStorage, binding: TaskBinding | undefined) {
    this.#sql = sql
    this.#binding = binding
  }

  arm(task: string): void {
    const tasks = this.#load()
    if (!tasks.has(task)) {
      this.#sql.exec('INSERT INTO watcher (task) VALUES (?)', task)
      tasks.add(task)
    }
    this.#armed.add(task)
  }

  forget(task: string): void {
    this.#armed.delete(task)
    if (this.#load().delete(task)) this.#sql.exec('DELETE FROM watcher WHERE task = ?', task)
  }

  /** Calls the armed tasks. */
  notify(topicId: string, partition: number): void {
    if (this.#binding === undefined) return
    this.#load()
    for (const task of this.#armed) {
      this.#binding
        .getByName(task)
        .news(topicId, partition)
        .catch(() => undefined)
    }
    this.#armed.clear()
  }

  #load(): Set<string> {
    if (this.#tasks === undefined) {
      const rows = this.#sql.exec<{ task: string }>('SELECT task FROM watcher').toArray()
      this.#tasks = new Set(rows.map(({ task }) => task))
      for (const task of this.#tasks) this.#armed.add(task)
    }
    return this.#tasks
  }
}
