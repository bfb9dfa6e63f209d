/** `node test/interop/java/streams/run.ts [SEED] [COUNT] [OPERATOR]`: compares edgelog/streams with Kafka Streams. */
import { join } from 'node:path'
import { provideJava, resolveClassPath } from '../../../java/toolchain.ts'
import { compareWithKafkaStreams } from './oracle.ts'

const [seed = Date.now() % 1_000_000, count = 300, operator] = process.argv.slice(2)
try {
  provideJava()
  const folder = join(import.meta.dirname, '..')
  const jars = await resolveClassPath(folder, ['compile'])
  const classPath = `${join(folder, 'target/classes')}:${jars}`
  const options = { seed: Number(seed), count: Number(count) }
  const only = operator === undefined ? {} : { operator }
  console.log(await compareWithKafkaStreams(classPath, { ...options, ...only }))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
