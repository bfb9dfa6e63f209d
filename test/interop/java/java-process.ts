/** Runs a class of the program, or of Kafka's tools, in a Java of its own. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const RUN_MS_MAX = 120_000
/** Short runs: what takes long to start would not pay. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xmx512m']

export interface JavaRun {
  readonly classPath: string
  readonly mainClass: string
  readonly args: readonly string[]
  /** What is typed into it. */
  readonly input?: string
  /** Interrupts it as Ctrl-C does, once that was printed. */
  readonly interruptAt?: RegExp
  /** Answers the lines that begin with a question mark; that, too, goes into its input. */
  readonly answer?: (question: string) => Promise<string>
}

/** @returns what it printed. @throws {Error} with that, if it does not end well. */
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
  // Whoever has ended reads nothing more.
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
