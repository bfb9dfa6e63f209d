/** Runs a Java class, such as one of Kafka's tools, in a separate process. */
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
  /** Options of the JVM; by default those that shorten the start. */
  readonly jvm?: readonly string[]
  /** Kills the process after this time; default 2 minutes. */
  readonly runMsMax?: number
  /** Kills the process when it is aborted. */
  readonly signal?: AbortSignal
}

/** Runs Java to its end. @returns its output. @throws {Error} with its output if it fails. */
export async function runJava(run: JavaRun): Promise<string> {
  const { classPath, mainClass, args, input, interruptAt, answer, jvm = QUICK, signal } = run
  const { runMsMax = RUN_MS_MAX } = run
  const child = spawn('java', [...jvm, '-cp', classPath, mainClass, ...args], {
    timeout: runMsMax,
    killSignal: 'SIGKILL',
    ...(signal !== undefined && { signal }),
  })
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
  const how = await new Promise<string | number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal))
  })
  if (how === 0 || isInterrupted) return printed
  throw new Error(`${mainClass} ${args.join(' ')} ended with ${how}:\n${printed}`)
}
