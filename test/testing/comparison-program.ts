/** One client's programs of docs/COMPARISON.md, put together and run as one process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from '../support/until.ts'
import type { TaskEvent, TaskStart } from './comparison-child.ts'
import type { ClientName, Task } from './comparison-page.ts'

/** Returns a module that defines the names of task 1, and runs the other tasks when its input asks for them. */
export function moduleOf(tasks: readonly Task[], client: ClientName): string {
  const [connect, ...rest] = tasks
  const functions = rest.flatMap(({ number, programs }) => {
    const program = programs.get(client)
    if (program === undefined) return []
    return `  ${number}: async ({ console, orders, since, huge, bill }) => {\n${program}  },\n`
  })
  return [
    `import { type Order, serveTasks } from '../../test/testing/comparison-child.ts'\n`,
    connect?.programs.get(client),
    `await serveTasks({\n${functions.join('')}})\n`,
  ].join('')
}

export class ComparisonProgram {
  readonly #child: ChildProcess
  readonly #events: TaskEvent[] = []
  #rest = ''
  #hasEnded = false

  constructor(path: string) {
    const env = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
    this.#child = spawn(process.execPath, [path], { env, stdio: 'pipe' })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) throw new Error('the process has no output')
      createInterface({ input: stream }).on('line', (line) => this.#read(line))
    }
    this.#child.once('exit', () => {
      this.#hasEnded = true
    })
  }

  /** Starts a task. `since` is the time for the tasks that need one. */
  start(task: number, since = 0): void {
    const start: TaskStart = { task, since }
    this.#child.stdin?.write(`${JSON.stringify(start)}\n`)
  }

  /** Runs a task and returns what it prints. @throws {Error} if it fails */
  async run(task: number, since = 0): Promise<string[]> {
    const before = this.#of(task, 'ended').length
    this.start(task, since)
    await this.#until(
      `the end of task ${task}`,
      task,
      () => this.#of(task, 'ended').length > before,
    )
    return this.printed(task)
  }

  /** Waits until a task has printed this many lines, and returns them. @throws {Error} if it fails */
  async lines(task: number, count: number): Promise<string[]> {
    const what = `${count} lines of task ${task}`
    await this.#until(what, task, () => this.printed(task).length >= count)
    return this.printed(task)
  }

  printed(task: number): string[] {
    return this.#of(task, 'printed').map(({ text }) => text)
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  async #until(what: string, task: number, isSo: () => boolean): Promise<void> {
    const state = () => `${what}; printed: ${this.printed(task).join('\n')}\n${this.#rest}`
    await until(state, () => {
      const [failed] = this.#of(task, 'failed')
      if (failed !== undefined) throw new Error(`task ${task} failed: ${failed.text}`)
      if (this.#hasEnded) throw new Error(`the process ended before ${state()}`)
      return isSo()
    })
  }

  #of(task: number, type: TaskEvent['type']): TaskEvent[] {
    return this.#events.filter((event) => event.task === task && event.type === type)
  }

  #read(line: string): void {
    if (line.startsWith('{"task"')) this.#events.push(JSON.parse(line) as TaskEvent)
    else this.#rest += `${line}\n`
  }
}
