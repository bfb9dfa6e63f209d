/** Tests of Kafka's command line tools; runs the class that each script starts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JavaRun, runJava } from '../../java/java-process.ts'
import type { Scenario } from './scenarios.ts'

const TOOLS = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  groups: 'org.apache.kafka.tools.GroupsCommand',
  configs: 'kafka.admin.ConfigCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  cluster: 'org.apache.kafka.tools.ClusterTool',
  features: 'org.apache.kafka.tools.FeatureCommand',
  'metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
} as const

type Tool = keyof typeof TOOLS
/** Tools that accept the server only before their subcommand. */
const SERVER_FIRST = new Set<Tool>(['features', 'metadata-quorum'])
type Extras = Pick<JavaRun, 'input' | 'interruptAt'>
/** Runs `kafka-TOOL.sh ARGUMENTS --bootstrap-server ...` and resolves to what it printed. */
type Run = (line: `${Tool} ${string}`, extras?: Extras) => Promise<string>

interface Stage {
  readonly classPath: string
  readonly bootstrap: string
  /** Receives figures to print at the end. */
  readonly note: (line: string) => void
}

export function toolScenarios({ classPath, bootstrap, note }: Stage): Scenario[] {
  const run: Run = (line, extras) => {
    const [tool, ...args] = line.split(' ')
    const server = ['--bootstrap-server', bootstrap]
    return runJava({
      classPath,
      mainClass: TOOLS[tool as Tool],
      args: SERVER_FIRST.has(tool as Tool) ? [...server, ...args] : [...args, ...server],
      ...extras,
    })
  }
  return [
    { title: "the quickstart of Kafka's introduction, verbatim", play: () => quickstart(run) },
    { title: 'kafka-topics: list, alter, delete', play: () => topics(run) },
    { title: 'kafka-consumer-groups and kafka-groups', play: () => groups(run) },
    { title: 'kafka-configs', play: () => configs(run) },
    { title: 'kafka-get-offsets and kafka-delete-records', play: () => offsets(run) },
    { title: 'kafka-broker-api-versions and kafka-cluster', play: () => cluster(run) },
    { title: 'kafka-features, -metadata-quorum, -log-dirs and others', play: () => node(run) },
    { title: 'kafka-producer-perf-test and kafka-consumer-perf-test', play: () => perf(run, note) },
  ]
}

function shows(printed: string, ...wanted: RegExp[]): void {
  for (const one of wanted) {
    if (!one.test(printed)) throw new Error(`expected ${one} in:\n${printed}`)
  }
}

async function quickstart(run: Run): Promise<void> {
  const create = 'topics --create --topic quickstart-events --partitions 3 --replication-factor 1'
  shows(await run(create as 'topics '), /^Created topic quickstart-events\.$/m)
  const described = await run('topics --describe --topic quickstart-events')
  shows(described, /PartitionCount: 3\tReplicationFactor: 1\t/)
  for (const partition of [0, 1, 2]) {
    const line = `Topic: quickstart-events\tPartition: ${partition}\tLeader: 1\tReplicas: 1\tIsr: 1`
    shows(described, new RegExp(line))
  }
  await run('console-producer --topic quickstart-events', {
    input: 'This is my first event\nThis is my second event\n',
  })
  const consumed = await run('console-consumer --topic quickstart-events --from-beginning', {
    interruptAt: /(first|second) event\n(.*\n)*.*(first|second) event\n/,
  })
  shows(consumed, /^This is my first event$/m, /^This is my second event$/m)
  shows(consumed, /Processed a total of 2 messages/)
}

async function topics(run: Run): Promise<void> {
  await run('topics --create --topic tools-topics --config retention.ms=3600000')
  shows(await run('topics --list'), /^tools-topics$/m)
  await run('topics --alter --topic tools-topics --partitions 2')
  const described = await run('topics --describe --topic tools-topics')
  shows(described, /PartitionCount: 2/, /Configs: .*retention\.ms=3600000/)
  await run('topics --delete --topic tools-topics')
  const left = await run('topics --list')
  if (/^tools-topics$/m.test(left)) throw new Error(`deleted, but still listed:\n${left}`)
}

async function groups(run: Run): Promise<void> {
  await run('topics --create --topic tools-groups --partitions 2')
  await run('console-producer --topic tools-groups', { input: 'one\ntwo\nthree\n' })
  for (const protocol of ['classic', 'consumer']) {
    const group = `tools-${protocol}`
    const read = `console-consumer --topic tools-groups --group ${group} --max-messages 3`
    const property = `--command-property group.protocol=${protocol}`
    await run(`${read} ${property} --from-beginning` as 'console-consumer ')
    shows(await run('consumer-groups --list'), new RegExp(`^${group}$`, 'm'))
    shows(await run('groups --list'), new RegExp(`^${group} +${protocol}`, 'im'))
    const described = await run(`consumer-groups --describe --group ${group}`)
    shows(described, new RegExp(`^${group} +tools-groups +[01] +(\\d+) +\\1 +0 `, 'm'))
    const state = await run(`consumer-groups --describe --state --group ${group}`)
    shows(state, /Empty/)
    const reset = `consumer-groups --reset-offsets --to-earliest --execute --group ${group}`
    const moved = await run(`${reset} --topic tools-groups` as 'consumer-groups ')
    shows(moved, new RegExp(`${group} +tools-groups +0 +0`), /tools-groups +1 +0/)
    const again = await run(`${read} ${property}` as 'console-consumer ')
    shows(again, /^one$/m, /^two$/m, /^three$/m)
    const deleted = await run(`consumer-groups --delete --group ${group}`)
    shows(deleted, /Deletion of requested consumer groups .*was successful/)
  }
}

async function configs(run: Run): Promise<void> {
  await run('topics --create --topic tools-configs')
  const of = '--entity-type topics --entity-name tools-configs' as const
  const added = 'retention.ms=60000,cleanup.policy=compact,edgelog.public.read=true' as const
  shows(
    await run(`configs --alter ${of} --add-config ${added}`),
    /Completed updating config for topic tools-configs/,
  )
  const described = await run(`configs --describe ${of}`)
  shows(described, /retention\.ms=60000 .*DYNAMIC_TOPIC_CONFIG/, /cleanup\.policy=compact /)
  // A config that Kafka does not have.
  shows(described, /edgelog\.public\.read=true .*DYNAMIC_TOPIC_CONFIG/)
  await run(`configs --alter ${of} --delete-config retention.ms`)
  const left = await run(`configs --describe ${of}`)
  if (/retention\.ms/.test(left)) throw new Error(`deleted, but still described:\n${left}`)
  shows(await run(`configs --describe --all ${of}`), /retention\.ms=604800000 .*DEFAULT_CONFIG/)
  const broker = await run('configs --describe --all --entity-type brokers --entity-name 1')
  shows(broker, /auto\.create\.topics\.enable=true /)
  await changedAndBack(run, 'groups', 'consumer.session.timeout.ms=50000')
  await changedAndBack(run, 'users', 'producer_byte_rate=1024')
}

async function changedAndBack(run: Run, type: 'groups' | 'users', config: string): Promise<void> {
  const of = `--entity-type ${type} --entity-name tools-${type}` as const
  const [key] = config.split('=')
  const changed = await run(`configs --alter ${of} --add-config ${config}`)
  shows(changed, /Completed updating config for (group|user) tools-/)
  const isThere = new RegExp(config.replaceAll('.', '\\.'))
  shows(await run(`configs --describe ${of}`), isThere)
  await run(`configs --alter ${of} --delete-config ${key}`)
  const left = await run(`configs --describe ${of}`)
  if (isThere.test(left)) throw new Error(`deleted, but still listed:\n${left}`)
}

async function node(run: Run): Promise<void> {
  await run('topics --create --topic tools-node')
  const features = await run('features describe')
  shows(features, /group\.version .*FinalizedVersionLevel: 1\b/, /metadata\.version .*4\.3-IV0/)
  shows(await run('metadata-quorum describe --status'), /LeaderId: +1\n/)
  shows(await run('log-dirs --describe --topic-list tools-node'), /"partition":"tools-node-0"/)
  const one = '--topic tools-node --partition 0'
  const elected = await run(`leader-election --election-type preferred ${one}`)
  shows(elected, /Valid replica already elected for partitions tools-node-0/)
  shows(await run('reassign-partitions --list'), /No partition reassignments found/)
}

async function offsets(run: Run): Promise<void> {
  await run('topics --create --topic tools-offsets')
  await run('console-producer --topic tools-offsets', { input: 'a\nb\nc\nd\n' })
  shows(await run('get-offsets --topic tools-offsets'), /^tools-offsets:0:4$/m)
  shows(await run('get-offsets --topic tools-offsets --time earliest'), /^tools-offsets:0:0$/m)
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-java-'))
  try {
    const file = join(folder, 'offsets.json')
    const partitions = [{ topic: 'tools-offsets', partition: 0, offset: 3 }]
    await writeFile(file, JSON.stringify({ partitions, version: 1 }))
    const deleted = await run(`delete-records --offset-json-file ${file}`)
    shows(deleted, /partition: tools-offsets-0\s+low_watermark: 3/)
  } finally {
    await rm(folder, { recursive: true })
  }
  shows(await run('get-offsets --topic tools-offsets --time -2'), /^tools-offsets:0:3$/m)
}

async function cluster(run: Run): Promise<void> {
  const versions = await run('broker-api-versions ' as 'broker-api-versions ')
  shows(versions, /localhost:\d+ \(id: 1 .*\) -> \(/, /Produce\(0\): 0 to 13 \[usable: 13\]/)
  shows(versions, /Fetch\(1\): 4 to 18 \[usable: 18\]/, /EndTxn\(26\): 0 to 5 \[usable: 5\]/)
  shows(await run('cluster cluster-id'), /^Cluster ID: \S+$/m)
}

async function perf(run: Run, note: (line: string) => void): Promise<void> {
  await run('topics --create --topic tools-perf --partitions 3')
  const load = '--num-records 50000 --record-size 200 --throughput -1'
  const produced = await run(
    `producer-perf-test --topic tools-perf ${load}` as 'producer-perf-test ',
  )
  const total = produced.split('\n').findLast((line) => /records sent.*percentile|th\./.test(line))
  shows(total ?? produced, /^50000 records sent/)
  note(`kafka-producer-perf-test, 200 bytes: ${total}`)
  const consumed = await run('consumer-perf-test --topic tools-perf --num-records 50000')
  const [header, line] = consumed.split('\n')
  shows(line ?? consumed, /, 50000, /)
  note(`kafka-consumer-perf-test, ${header}: ${line}`)
}
