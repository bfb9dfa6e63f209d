/** Runs the tasks of one client in a process of its own: each line of its input starts one. */
import { createInterface } from 'node:readline'
import { format } from 'node:util'

export interface Order {
  readonly item: string
}

/** The names that the programs of docs/COMPARISON.md use without defining them. */
export interface Given {
  readonly console: Pick<Console, 'log' | 'error'>
  readonly orders: readonly Order[]
  readonly since: number
  readonly huge: string
  bill(text: string | null): Promise<void>
}

export type TaskFunction = (given: Given) => Promise<void>

/** A line of the input. */
export interface TaskStart {
  readonly task: number
  readonly since: number
}

/** A line of the output: what a task prints, or its end. */
export interface TaskEvent {
  readonly task: number
  readonly type: 'printed' | 'ended' | 'failed'
  readonly text: string
}

export const ORDER_COUNT = 200

const ORDERS = Array.from({ length: ORDER_COUNT }, (_, index) => ({ item: `item ${index}` }))
const HUGE = 'x'.repeat(2_000_000)

export async function serveTasks(tasks: Readonly<Record<number, TaskFunction>>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { task, since } = JSON.parse(line) as TaskStart
    const write = (type: TaskEvent['type'], text: string) => {
      process.stdout.write(`${JSON.stringify({ task, type, text } satisfies TaskEvent)}\n`)
    }
    const print = (...values: unknown[]) => write('printed', format(...values))
    const given: Given = {
      console: { log: print, error: print },
      orders: ORDERS,
      since,
      huge: HUGE,
      bill: async (text) => print(text),
    }
    tasks[task]?.(given).then(
      () => write('ended', ''),
      (error) => write('failed', format(error)),
    )
  }
}
