/** Runs one measurement on one side: fresh topics, Java's tools, and kafkajs in its own process. */
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Admin, ITopicConfig } from 'kafkajs'
import { JavaTools } from './java-tools.ts'
import type { Side } from './sides.ts'
import { createTopics, deleteTopics, openAdmin } from './topic-admin.ts'

const run = promisify(execFile)
const SCRIPT_MS_MAX = 180_000

export class Bench {
  readonly tools: JavaTools
  readonly #signal: AbortSignal
  #names = 0

  constructor(classPath: string, signal: AbortSignal) {
    this.tools = new JavaTools(classPath, signal)
    this.#signal = signal
  }

  /** Returns a topic with a new name and the side's configs. */
  newTopic({ topicConfigs }: Side, partitions = 1): ITopicConfig & { readonly topic: string } {
    this.#names += 1
    const configEntries = Object.entries(topicConfigs).map(([name, value]) => ({ name, value }))
    return { topic: `peer-${this.#names}`, numPartitions: partitions, configEntries }
  }

  async createTopic(side: Side): Promise<string> {
    const config = this.newTopic(side)
    await withAdmin(side, (admin) => createTopics(admin, [config]))
    return config.topic
  }

  /** Creates a topic for `work`, and deletes it afterwards, so that the disk does not fill. */
  async withTopic<T>(side: Side, work: (topic: string) => Promise<T>): Promise<T> {
    const topic = await this.createTopic(side)
    const result = await work(topic)
    await withAdmin(side, (admin) => deleteTopics(admin, [topic]))
    return result
  }

  /** Runs a script of this folder in its own process. @returns the JSON that it prints. */
  async script<T>(name: string, args: readonly string[]): Promise<T> {
    const path = join(import.meta.dirname, name)
    const options = ['--disable-warning=ExperimentalWarning', path, ...args]
    const { stdout } = await run(process.execPath, options, {
      env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
      timeout: SCRIPT_MS_MAX,
      killSignal: 'SIGKILL',
      signal: this.#signal,
    })
    return JSON.parse(stdout)
  }

  /** Writes what is only in the page cache to the disk, so that it does not slow down the next measurement. */
  async settle(): Promise<void> {
    this.#signal.throwIfAborted()
    await run('sync', ['-f', tmpdir()], { signal: this.#signal })
  }
}

async function withAdmin(
  { bootstrap }: Side,
  work: (admin: Admin) => Promise<void>,
): Promise<void> {
  const admin = await openAdmin(bootstrap)
  try {
    await work(admin)
  } finally {
    await admin.disconnect()
  }
}
