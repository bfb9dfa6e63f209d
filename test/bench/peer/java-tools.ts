/** Runs Kafka's own performance tools against a broker. */
import { runJava } from '../../java/java-process.ts'
import {
  type Latencies,
  parseConsumerPerformance,
  parseCopier,
  parseEndToEndLatency,
  parseProducerPerformance,
} from './tool-output.ts'

/** JVM options that Kafka's start scripts set for the broker and the tools. */
export const JVM_OPTIONS = [
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
]
/** The language of numbers in the output. */
const LANGUAGE = ['-Duser.language=en', '-Duser.country=US']
const TOOLS = 'org.apache.kafka.tools'

export interface RecordLoad {
  readonly topic: string
  readonly recordBytes: number
  readonly count: number
  /** Properties of the producer, such as `batch.size=100000`. */
  readonly properties?: readonly string[]
}

export class JavaTools {
  readonly #classPath: string
  readonly #signal: AbortSignal

  constructor(classPath: string, signal: AbortSignal) {
    this.#classPath = classPath
    this.#signal = signal
  }

  /** Produces with acks=all. @returns records per second. */
  async produce(bootstrap: string, load: RecordLoad): Promise<number> {
    const { topic, recordBytes, count, properties = [] } = load
    const printed = await this.#run('ProducerPerformance', [
      ...['--bootstrap-server', bootstrap, '--topic', topic],
      ...['--num-records', String(count), '--record-size', String(recordBytes)],
      ...['--throughput', '-1', '--command-property', 'acks=all', ...properties],
    ])
    const rate = parseProducerPerformance(printed)
    checkCount('ProducerPerformance', rate.records, count, printed)
    return rate.recordsPerSecond
  }

  /** Consumes the first `count` records. @returns records per second, without the time to join the group. */
  async consume(bootstrap: string, topic: string, count: number): Promise<number> {
    const printed = await this.#run('ConsumerPerformance', [
      ...['--bootstrap-server', bootstrap, '--topic', topic],
      ...['--num-records', String(count)],
    ])
    const rate = parseConsumerPerformance(printed)
    checkCount('ConsumerPerformance', rate.records, count, printed)
    return rate.recordsPerSecond
  }

  /** Sends records one at a time, each until a consumer has read it. */
  async endToEndLatency(bootstrap: string, load: RecordLoad): Promise<Latencies> {
    const { topic, recordBytes, count } = load
    const args = [
      ...['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', String(count)],
      ...['--record-size', String(recordBytes), '--producer-acks', 'all'],
    ]
    return parseEndToEndLatency(await this.#run('EndToEndLatency', args))
  }

  /**
   * Copies all records of a topic's only partition with their offsets, 100 in each transaction.
   *
   * @returns records per second.
   */
  async copy(bootstrap: string, source: string, sink: string): Promise<number> {
    const printed = await this.#run('TransactionalMessageCopier', [
      ...['--broker-list', bootstrap, '--input-topic', source, '--input-partition', '0'],
      ...['--output-topic', sink, '--consumer-group', `${sink}-copiers`],
      ...['--transactional-id', `${sink}-copier`, '--transaction-size', '100'],
      '--use-group-metadata',
    ])
    return parseCopier(printed).recordsPerSecond
  }

  #run(tool: string, args: readonly string[]): Promise<string> {
    return runJava({
      classPath: this.#classPath,
      mainClass: `${TOOLS}.${tool}`,
      args,
      jvm: ['-Xmx512M', ...JVM_OPTIONS, ...LANGUAGE],
      signal: this.#signal,
    })
  }
}

/** Rejects figures of a run in which records were lost or refused. */
function checkCount(tool: string, records: number, wanted: number, printed: string): void {
  if (records < wanted) throw new Error(`${tool}: ${records} of ${wanted} records:\n${printed}`)
}
