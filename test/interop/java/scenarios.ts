/** The scenarios of the Java program: what each is about, and where it is played. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Client } from '../../../client/index.ts'
import { readTopic } from '../../client/read-topic.ts'
import { runJava } from './java-process.ts'

/** A place to play at, and what can be done to it. */
export interface Place {
  readonly bootstrap: string
  readonly native: Client
  /** Does what a scenario asks for, besides the `digest` of a topic. */
  readonly act?: (wish: string) => Promise<string>
}

export interface Scenario {
  readonly title: string
  play(): Promise<void>
}

export const TOKEN = 'a-token-of-java'
const MAIN = 'edgelog.interop.Main'

const AT_ANY_PLACE = {
  topics: 'topics: create, describe, grow, delete, and what is refused',
  'recreated-topic': 'a topic is deleted and created anew while a producer and a consumer go on',
  codecs: 'all codecs: keys, headers, tombstones, large records, seen by other doors as well',
  acks: 'acks 0, 1 and all; log append time',
  'refused-records': 'records that are refused, and batches that are cut',
  'refused-in-batch': 'refused records of a batch are named, and fail the rest of it',
  'delete-records': 'DeleteRecords',
  'classic-range': 'a group of the classic protocol, range: members join, leave, vanish',
  'classic-cooperative': 'a group of the classic protocol, cooperative-sticky',
  'consumer-protocol': 'a group of the consumer protocol (KIP-848)',
  'classic-static': 'static members of the classic protocol',
  'consumer-static': 'static members of the consumer protocol',
  patterns: 'subscriptions by pattern, of both sides',
  offsets: 'offsets by time, of the ends, of the largest timestamp',
  'committed-offsets': 'offsets are committed, reset, deleted',
  'reset-policies': 'auto.offset.reset, all of them',
  configs: 'configs of topics, groups and the broker: describe, alter, and what is refused',
  cluster: 'the cluster, and what is not offered',
  'authorized-operations': 'the operations of cluster, topics and groups of both protocols',
  features: 'the features of the cluster, and their updates',
  node: 'log directories, quorum, config resources, elections, reassignments',
  quotas: 'client quotas: alter, describe, and what is refused',
  acls: 'ACLs are refused as by a broker without an authorizer',
  groups: 'groups: list, describe, delete',
  transactions: 'a transactional producer is refused for good',
} as const

export interface Places {
  readonly plain: Place
  readonly secured: Place
  readonly securedByTls: Place
  readonly killable: Place
}

export function javaScenarios(classPath: string, places: Places): Scenario[] {
  const { plain, secured, securedByTls, killable } = places
  const of = (name: string, title: string, place: Place): Scenario => ({
    title,
    play: async () => {
      const answer = (wish: string) => answerTo(wish, place)
      await runJava({ classPath, mainClass: MAIN, args: [name, place.bootstrap], answer })
    },
  })
  return [
    of('kills', '20,000 records while server and bridge are killed: once, in order', killable),
    ...Object.entries(AT_ANY_PLACE).map(([name, title]) => of(name, title, plain)),
    of('sasl', 'SASL/PLAIN: right, wrong and no password', secured),
    of('tls', 'a bridge with TLS', securedByTls),
  ]
}

async function answerTo(wish: string, { native, act }: Place): Promise<string> {
  const [, topic] = /^digest (\S+)$/.exec(wish) ?? []
  if (topic !== undefined) return await digest(native, topic)
  if (act === undefined) throw new Error(`nobody can do that: ${wish}`)
  return await act(wish)
}

/** Of keys, values and names of headers, as the program computes it of what it has sent. */
async function digest(native: Client, topic: string): Promise<string> {
  const hash = createHash('sha256')
  for (const { keyText, valueText, headers } of await readTopic(native, topic, 0)) {
    const names = headers.map(([name]) => `\t${name}`).join('')
    hash.update(`${keyText}\t${valueText}${names}\n`)
  }
  return hash.digest('hex')
}

/** Writes the certificate of a bridge, and its key. */
export async function makeCertificate(classPath: string, folder: string) {
  await runJava({ classPath, mainClass: MAIN, args: ['certificate', folder] })
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
}
