/** The tasks of docs/COMPARISON.md, and the table of their lines. */
export const CLIENTS = ['edgelog', 'kafkajs', 'platformatic', 'durable-streams', 'S2'] as const

export type ClientName = (typeof CLIENTS)[number]

export interface Task {
  readonly number: number
  readonly title: string
  /** The program of each client that can do the task. */
  readonly programs: ReadonlyMap<ClientName, string>
}

/** @throws {Error} for a section that does not name each client, or a block without a client. */
export function tasksOf(page: string): Task[] {
  const sections = page.split(/^## /m).slice(1)
  return sections.map((section) => {
    const [, number, title = ''] = /^(\d+)\. (.+)$/m.exec(section) ?? []
    const programs = new Map<ClientName, string>()
    for (const client of CLIENTS) {
      const part = section.split(/^(?=\*\*)/m).find((text) => text.startsWith(`**${client}**`))
      if (part === undefined) throw new Error(`task ${number} does not name ${client}`)
      const [, program] = /```ts\n(.*?)```/s.exec(part) ?? []
      if (program !== undefined) programs.set(client, program)
    }
    if (section.split('```ts\n').length - 1 !== programs.size) {
      throw new Error(`task ${number} has a block without a client`)
    }
    return { number: Number(number), title, programs }
  })
}

/** Returns the number of lines that are neither blank nor imports. */
export function linesOf(program: string): number {
  const code = program.replaceAll(/^import .*? from '.*?'$/gms, '')
  return code.split('\n').filter((line) => line.trim() !== '').length
}

/** Returns the rows of the table: the lines of each task and client, and their sums. */
export function rowsOf(tasks: readonly Task[]): string[] {
  const cell = (task: Task, client: ClientName) => {
    const program = task.programs.get(client)
    return program === undefined ? '-' : String(linesOf(program))
  }
  return tasks.map((task) => {
    const cells = CLIENTS.map((client) => cell(task, client))
    return `| ${task.number}. ${task.title} | ${cells.join(' | ')} |`
  })
}
