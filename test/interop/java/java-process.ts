/** Runs a class of the program or of Kafka's tools in a separate Java process. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const RUN_MS_MAX = 120_000
/** JVM options that shorten the start, because the runs are short. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xmx512m']

export interface JavaRun {
  readonly classPath: string
  readonly mainClass: string
  readonly args: readonly string[]
  /** Text for its standard input. */
  readonly input?: string
  /** Interrupts the process, like Ctrl-C, when its output matches. */
  readonly interruptAt?: RegExp
  /** Handles a printed line that begins with `? `; the result is written to its standard input. */
  readonly answer?: (command: string) => Promise<string>
}

/** Runs Java to its end. @returns its output. @throws {Error} with its output if it fails. */
export async function runJava(run: JavaRun): Promise<string> {
  const { classPath, mainClass, args, input, interruptAt, answer } = run
  const child = spawn('java', [...QUICK, '-cp', classPath, mainClass, ...args])
  let printed = ''
  let isInterrupted = false
  const see = (line: string) => {
    printed += `${line}\n`
    if (interruptAt?.test(printed) && !isInterrupted) {
      isInterrupted = true
      child.kill('SIGINT')
    }
    if (line.startsWith('? ') && answer !== undefined) {
      answer(line.slice(2)).then(
        (text) => child.stdin.write(`ok ${text}\n`),
        (error) => child.stdin.write(`failed: ${error}\n`),
      )
    }
  }
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', see)
  // Ignores EPIPE from a process that has already ended.
  child.stdin.on('error', () => {})
  if (answer === undefined) child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX)
  const how = await new Promise<string | number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal))
  })
  clearTimeout(timer)
  if (how === 0 || isInterrupted) return printed
  throw new Error(`${mainClass} ${args.join(' ')} ended with ${how}:\n${printed}`)
}
