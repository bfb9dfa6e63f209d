/** The scenarios of the Java program, and the server that each runs against. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Client, CompressionName } from '../../../client/index.ts'
import { readTopic } from '../../client/read-topic.ts'
import { runJava } from '../../java/java-process.ts'

/** A server to run scenarios against. */
export interface Target {
  readonly bootstrap: string
  readonly native: Client
  /** Runs a command of a scenario, other than `digest TOPIC` and `copy TOPIC CODEC`. */
  readonly act?: (command: string) => Promise<string>
}

export interface Scenario {
  readonly title: string
  play(): Promise<void>
}

export const TOKEN = 'a-token-of-java'
const MAIN = 'edgelog.interop.Main'

const PLAIN_SCENARIOS = {
  topics: 'topics: create, describe, grow, delete, and invalid requests',
  'recreated-topic':
    'a producer and a consumer continue while their topic is deleted and recreated',
  codecs:
    'all codecs: keys, headers, tombstones, large records, read and written by the native client too',
  acks: 'acks 0, 1 and all; log append time',
  'refused-records': 'rejected records, and batches that are split',
  'refused-in-batch':
    'a batch with rejected records fails as a whole, and the response names those records',
  'delete-records': 'DeleteRecords',
  'classic-range': 'a group of the classic protocol, range: members join, leave and crash',
  'classic-cooperative': 'a group of the classic protocol, cooperative-sticky',
  'consumer-protocol': 'a group of the consumer protocol (KIP-848)',
  'classic-static': 'static members of the classic protocol',
  'consumer-static': 'static members of the consumer protocol',
  patterns: 'subscriptions by pattern, matched by the client and by the server',
  offsets: 'offsets by time, at both ends, and of the largest timestamp',
  'committed-offsets': 'offsets are committed, reset and deleted',
  'reset-policies': 'all policies of auto.offset.reset',
  configs: 'configs of topics, groups and the broker: describe, alter, and invalid requests',
  cluster: 'the cluster, and unsupported requests',
  'authorized-operations':
    'authorized operations of the cluster, topics, and groups of both protocols',
  features: 'the features of the cluster, and their updates',
  node: 'log directories, quorum, config resources, elections, reassignments',
  quotas: 'client quotas: alter, describe, and invalid requests',
  acls: 'ACL requests fail as on a broker without an authorizer',
  groups: 'groups: list, describe, delete',
  transactions: 'transactions over two topics: committed, aborted, and read with both isolations',
  'large-transactions': 'a transaction of 6,000 records over 12 partitions',
  'copies-classic': 'copies between topics with their offsets, classic protocol: each record once',
  'copies-consumer':
    'copies between topics with their offsets, consumer protocol: each record once',
  'fenced-producers': 'producers are fenced by a later one, an administrator and a timeout',
  'described-transactions': 'transactions and producers are described, listed, aborted by hand',
} as const

export interface Targets {
  readonly plain: Target
  readonly secured: Target
  readonly securedByTls: Target
  readonly killable: Target
  /** Its command starts a real Kafka broker, and returns its address. */
  readonly besideKafka: Target
}

export function javaScenarios(classPath: string, targets: Targets): Scenario[] {
  const { plain, secured, securedByTls, killable, besideKafka } = targets
  const of = (name: string, title: string, target: Target): Scenario => ({
    title,
    play: async () => {
      const answer = (command: string) => perform(command, target)
      await runJava({ classPath, mainClass: MAIN, args: [name, target.bootstrap], answer })
    },
  })
  return [
    of(
      'kills',
      '20,000 records are stored once and in order while server and bridge are killed',
      killable,
    ),
    ...Object.entries(PLAIN_SCENARIOS).map(([name, title]) => of(name, title, plain)),
    of(
      'compacted',
      'a compacted topic has the latest values of one on a Kafka broker, tombstones too',
      besideKafka,
    ),
    of('sasl', 'SASL/PLAIN: right, wrong and no password', secured),
    of('tls', 'a bridge with TLS', securedByTls),
  ]
}

async function perform(command: string, { native, act }: Target): Promise<string> {
  const [, topic] = /^digest (\S+)$/.exec(command) ?? []
  if (topic !== undefined) return await digest(native, topic)
  const [, from, compression] = /^copy (\S+) (\S+)$/.exec(command) ?? []
  if (from !== undefined) return await copyTopic(native, from, compression as CompressionName)
  if (act === undefined) throw new Error(`unknown command: ${command}`)
  return await act(command)
}

/** Copies partition 0 into a new topic with the native client, in its own compression; returns the topic. */
async function copyTopic(native: Client, topic: string, compression: CompressionName) {
  const copy = `${topic}-copy`
  await native.admin.createTopic(copy)
  const producer = native.createProducer({ compression })
  const records = await readTopic(native, topic, 0)
  await producer.sendBatch(
    copy,
    records.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })),
  )
  await producer.close()
  return copy
}

/** Hashes keys, values and header names; the program computes the same hash from the records it sent. */
async function digest(native: Client, topic: string): Promise<string> {
  const hash = createHash('sha256')
  for (const { keyText, valueText, headers } of await readTopic(native, topic, 0)) {
    const names = headers.map(([name]) => `\t${name}`).join('')
    hash.update(`${keyText}\t${valueText}${names}\n`)
  }
  return hash.digest('hex')
}

/** Writes a certificate for a bridge, and its key. */
export async function makeCertificate(classPath: string, folder: string) {
  await runJava({ classPath, mainClass: MAIN, args: ['certificate', folder] })
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
}
