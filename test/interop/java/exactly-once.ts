/** Kafka's own exactly-once programs, killed at random together with the server: each record must count once. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readTopic } from '../../client/read-topic.ts'
import { runJava } from '../../java/java-process.ts'
import type { Stage } from '../support/stage.ts'
import type { Scenario } from './scenarios.ts'

const COPIED_RECORDS = 4_000
const STREAMED_RECORDS = 1_500
const NAMES = 5
const KEYS = 50
/** Time between two kills: a JVM needs a second to start, and Streams some more to join its group. */
const KILL_MS_MIN = 2_000
const KILL_MS_MAX = 9_000
const DEADLINE_MS = 240_000

/** @param stages one of its own for each scenario: each kills its server, and waits for its start. */
export function exactlyOnceScenarios(
  classPath: string,
  stages: Readonly<Record<'copied' | 'counted', Stage>>,
): Scenario[] {
  return [
    {
      title:
        'TransactionalMessageCopier copies each record once while copiers and server are killed',
      play: () => copies(classPath, stages.copied),
    },
    {
      title:
        'Kafka Streams counts each record once while it and the server are killed, and from a compacted changelog',
      play: () => counts(classPath, stages.counted),
    },
  ]
}

/** Runs a program to its end; kills and restarts it at random until it ends by itself. */
async function runKilled(
  run: Omit<Parameters<typeof runJava>[0], 'signal'>,
  killsMax: number,
): Promise<void> {
  for (let kills = 0; ; kills++) {
    const killer = new AbortController()
    const afterMs = KILL_MS_MIN * (1 + Math.random())
    const timer = kills < killsMax ? setTimeout(() => killer.abort(), afterMs) : undefined
    try {
      await runJava({ ...run, signal: killer.signal })
      return
    } catch (error) {
      const isKilled = killer.signal.aborted || String(error).includes('ended with SIGKILL')
      if (!isKilled || kills > 2 * killsMax) throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

async function copies(classPath: string, stage: Stage): Promise<void> {
  const { native } = stage
  const [source, sink] = [stage.name(), stage.name()]
  await native.admin.createTopic(source, { partitions: 2 })
  // The copier keeps the number of the partition.
  await native.admin.createTopic(sink, { partitions: 2 })
  const producer = native.createProducer()
  for (let index = 0; index < COPIED_RECORDS; index++) {
    void producer.send(source, { partition: index % 2, value: `${index}` })
  }
  await producer.close()
  const copier = (partition: number) =>
    runKilled(
      {
        classPath,
        mainClass: 'org.apache.kafka.tools.TransactionalMessageCopier',
        args: [
          ...['--broker-list', stage.bootstrap],
          ...['--input-topic', source, '--input-partition', String(partition)],
          ...['--output-topic', sink, '--consumer-group', `${source}-group-${partition}`],
          ...['--transactional-id', `${source}-copier-${partition}`],
          ...['--transaction-size', '10', '--enable-random-aborts', '--use-group-metadata'],
        ],
      },
      3,
    )
  const killed = (async () => {
    await sleep(KILL_MS_MIN * 2)
    await stage.killServer()
  })()
  await Promise.all([copier(0), copier(1), killed])
  for (const partition of [0, 1]) {
    const values = (await readTopic(native, sink, partition)).map(({ valueText }) => valueText)
    const wanted = Array.from({ length: COPIED_RECORDS / 2 }, (_, index) => 2 * index + partition)
    expectSame(values.join(), wanted.join(), `copies of partition ${partition}`)
  }
}

async function counts(classPath: string, stage: Stage): Promise<void> {
  const { native } = stage
  const prefix = stage.name()
  await native.admin.createTopic(`${prefix}-in`, { partitions: 2 })
  await native.admin.createTopic(`${prefix}-names`, { partitions: 2 })
  await native.admin.createTopic(`${prefix}-out`, { partitions: 1 })
  const producer = native.createProducer()
  for (let key = 0; key < KEYS; key++) {
    await producer.send(`${prefix}-names`, { key: `${key}`, value: `name ${key % NAMES}` })
  }
  const feed = async (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      await producer.send(`${prefix}-in`, { key: `${index % KEYS}`, value: `${index}` })
      if (index % 10 === 0) await sleep(100)
    }
  }
  const kill = async () => {
    await sleep(12_000)
    await stage.killServer()
  }
  await withApplication(classPath, stage, prefix, async () => {
    await Promise.all([feed(0, STREAMED_RECORDS), kill()])
    await waitForCounts(stage, `${prefix}-out`, STREAMED_RECORDS)
  })
  await waitForCompaction(stage, prefix)
  // The state is lost: it is restored from what compaction has left of the changelog.
  const recordsCount = STREAMED_RECORDS + 2 * KEYS
  await withApplication(classPath, stage, prefix, async () => {
    await feed(STREAMED_RECORDS, recordsCount)
    await waitForCounts(stage, `${prefix}-out`, recordsCount)
  })
  await producer.close()
}

/** Keeps the application running, with a new folder for its state, until the work is done. */
async function withApplication(
  classPath: string,
  { bootstrap }: Stage,
  prefix: string,
  work: () => Promise<void>,
): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
  const isOver = new AbortController()
  const app = keepRunning(classPath, [bootstrap, prefix, stateDir], isOver.signal)
  try {
    // The application ends only by a failure.
    await Promise.race([work(), app])
  } finally {
    isOver.abort()
    await app
    await rm(stateDir, { recursive: true, force: true })
  }
}

/** Lets the changelog of the counts be compacted, and checks that it has the last count of each name. */
async function waitForCompaction({ native }: Stage, prefix: string): Promise<void> {
  const names = (await native.admin.listTopics()).map(({ name }) => name)
  const isChangelog = /-KSTREAM-AGGREGATE-STATE-STORE-\d+-changelog$/
  const changelog = names.find((name) => name.startsWith(prefix) && isChangelog.test(name)) ?? ''
  const { config, partitions } = await native.admin.describeTopic(changelog)
  expectSame(String(config['cleanup.policy']), 'compact', 'cleanup.policy of the changelog')
  const atOnce = { 'segment.ms': 50, 'min.cleanable.dirty.ratio': 0 }
  await native.admin.alterTopic(changelog, { config: atOnce })
  const last = `${STREAMED_RECORDS / NAMES}`
  const wanted = Array.from({ length: NAMES }, (_, name) => `name ${name}: ${last}`).join()
  for (const deadlineMs = Date.now() + DEADLINE_MS; ; await sleep(1_000)) {
    const records = []
    for (let partition = 0; partition < partitions; partition++) {
      records.push(...(await readTopic(native, changelog, partition)))
    }
    if (records.length > NAMES && Date.now() < deadlineMs) continue
    const counts = records.map(({ keyText, value }) => {
      return `${keyText}: ${Buffer.from(value ?? []).readBigInt64BE()}`
    })
    return expectSame(counts.sort().join(), wanted, 'the compacted changelog')
  }
}

/** Restarts the application whenever it was killed; a few kills, then it runs until the end. */
async function keepRunning(classPath: string, args: string[], end: AbortSignal): Promise<void> {
  for (let kills = 0; !end.aborted; kills++) {
    const killer = new AbortController()
    const afterMs = KILL_MS_MAX + Math.random() * KILL_MS_MAX
    const timer = kills < 2 ? setTimeout(() => killer.abort(), afterMs) : undefined
    const signal = AbortSignal.any([killer.signal, end])
    try {
      await runJava({ classPath, mainClass: 'edgelog.interop.StreamsApp', args, signal })
    } catch (error) {
      // A run is also killed when it is too long.
      const isKilled = signal.aborted || String(error).includes('ended with SIGKILL')
      if (!isKilled) throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

async function waitForCounts(
  { native }: Stage,
  topic: string,
  recordsCount: number,
): Promise<void> {
  const each = recordsCount / NAMES
  const deadlineMs = Date.now() + DEADLINE_MS
  for (;;) {
    const records = await readTopic(native, topic, 0)
    if (records.length >= recordsCount || Date.now() > deadlineMs) {
      for (let name = 0; name < NAMES; name++) {
        const own = records.filter(({ keyText }) => keyText === `name ${name}`)
        const wanted = Array.from({ length: each }, (_, index) => index + 1)
        const seen = own.map(({ valueText }) => valueText).join()
        expectSame(seen, wanted.join(), `counts of name ${name}`)
      }
      return
    }
    await sleep(1_000)
  }
}

function expectSame(seen: string, wanted: string, what: string): void {
  if (seen === wanted) return
  throw new Error(`${what}: expected ${wanted.slice(0, 300)}\ngot ${seen.slice(0, 300)}`)
}
