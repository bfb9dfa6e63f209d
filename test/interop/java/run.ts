/** `npm run test:interop:java [-- PATTERN]`: tests Apache Kafka's Java clients and tools against the bridge. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startKafkaBroker } from '../../bench/peer/kafka-broker.ts'
import { kafkaClassPath, provideJava, resolveClassPath } from '../../java/toolchain.ts'
import { startBridgeProcess } from '../../server/bridge-process.ts'
import { useRunFolder } from '../../support/run-folder.ts'
import { openStage } from '../support/stage.ts'
import { connectScenarios } from './connect.ts'
import { exactlyOnceScenarios } from './exactly-once.ts'
import { javaScenarios, makeCertificate, type Scenario, TOKEN } from './scenarios.ts'
import { compareWithKafkaStreams } from './streams/oracle.ts'
import { toolScenarios } from './tools.ts'

/** Scenarios that run at once; most of their time is waiting. */
const AT_A_TIME = 3
/** Long, for a busy machine. */
const KAFKA_START_MS_MAX = 180_000

/** The seed is fixed: what cannot be compared is left out by the generator, and other seeds may need more of that. */
const STREAMS = { seed: Number(process.env.TEST_SEED ?? 1), count: 330 }

const pattern = new RegExp(process.argv[2] ?? '')
const closers: (() => Promise<void>)[] = []
const notes: string[] = []
useRunFolder()
try {
  provideJava()
  process.exitCode = await runAll(await prepare())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  for (const close of closers.reverse()) await close()
}

/** Starts the servers in turn, because each start looks for its own new process. */
async function prepare(): Promise<Scenario[]> {
  const { dirname } = import.meta
  const jars = await resolveClassPath(dirname, ['compile'])
  const classPath = `${join(dirname, 'target/classes')}:${jars}`
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-java-'))
  closers.push(() => rm(folder, { recursive: true }))
  const { cert, key } = await makeCertificate(classPath, folder)
  // Each scenario that kills its server has one of its own.
  const [plain, secured, killed, copied, counted] = [
    await open(openStage()),
    await open(openStage({ token: TOKEN })),
    await open(openStage()),
    await open(openStage()),
    await open(openStage()),
  ]
  const tls = await open(
    startBridgeProcess(secured.server.url, ['--tls-cert', cert, '--tls-key', key]),
  )
  const bridge = await open(startBridgeProcess(killed.server.url))
  const kill = async (command: string) => {
    await (command === 'kill bridge' ? bridge.restart() : killed.killServer())
    return ''
  }
  const secret = async (command: string) => (command === 'certificate' ? cert : TOKEN)
  const { native } = secured
  return [
    ...javaScenarios(classPath, {
      plain,
      secured: { bootstrap: secured.bootstrap, native, act: secret },
      securedByTls: { bootstrap: tls.bootstrap, native, act: secret },
      killable: { bootstrap: bridge.bootstrap, native: killed.native, act: kill },
      besideKafka: { bootstrap: plain.bootstrap, native: plain.native, act: startKafka },
    }),
    ...exactlyOnceScenarios(classPath, { copied, counted }),
    ...connectScenarios(classPath, plain),
    ...toolScenarios({ classPath, bootstrap: plain.bootstrap, note: (line) => notes.push(line) }),
    {
      title: 'edgelog/streams gives the results of Kafka Streams, operator by operator',
      play: async () => void notes.push(await compareWithKafkaStreams(classPath, STREAMS)),
    },
    {
      title: "the message schemas match Kafka's own definitions",
      play: () => checkDefinitions(classPath, folder),
    },
  ].filter(({ title }) => pattern.test(title))
}

/** Starts a real broker, and returns its address. */
async function startKafka(): Promise<string> {
  const signal = AbortSignal.timeout(KAFKA_START_MS_MAX)
  const { bootstrap, stop } = await startKafkaBroker(await kafkaClassPath(), signal, [
    // Otherwise the cleaner looks for work every 15 s.
    'log.cleaner.backoff.ms=500',
  ])
  closers.push(stop)
  return bootstrap
}

async function open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
  const opened = await opening
  closers.push(() => opened.close())
  return opened
}

async function checkDefinitions(classPath: string, folder: string): Promise<void> {
  const jar = classPath.split(':').find((path) => /kafka-clients-[\d.]+\.jar$/.test(path)) ?? ''
  execFileSync('jar', ['xf', jar, 'common/message'], { cwd: folder })
  const check = join(import.meta.dirname, '../../kafka/check-definitions.ts')
  const output = execFileSync(process.execPath, [check, join(folder, 'common/message')], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
  notes.push(`definitions: ${output.trim()}`)
}

/** Runs the scenarios and prints their results. @returns the exit code. */
async function runAll(scenarios: readonly Scenario[]): Promise<number> {
  let failed = 0
  const waiting = scenarios.values()
  const lane = async () => {
    for (const { title, play } of waiting) {
      const beganMs = performance.now()
      const took = () => `${((performance.now() - beganMs) / 1_000).toFixed(1)} s`
      try {
        await play()
        console.log(`ok      ${title} (${took()})`)
      } catch (error) {
        failed++
        const why = error instanceof Error ? error.message : String(error)
        console.log(`FAILED  ${title} (${took()})\n${why.trim().replaceAll(/^/gm, '        ')}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, lane))
  for (const note of notes) console.log(note)
  console.log(`${scenarios.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}
