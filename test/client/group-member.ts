/** Members of groups for tests, and the committed offsets of a group. */
import {
  type AssignmentChange,
  type Client,
  type ClientOptions,
  type ConsumerBatch,
  connect,
  type GroupConsumer,
  type GroupConsumerOptions,
} from '../../client/index.ts'

export interface Seen {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string | null
}

export interface Member {
  readonly client: Client
  readonly consumer: GroupConsumer
  readonly changes: readonly AssignmentChange[]
  /** Requests sent, e.g. `POST /v1/groups/g/heartbeat`. */
  readonly calls: readonly string[]
  /** Cuts the member off: it neither sends nor receives. */
  kill(): void
}

/** Starts a member with its own connection; it subscribes to the topic with the name of its group. */
export function startMember(
  url: string,
  options: Partial<GroupConsumerOptions> & { readonly groupId: string },
  clientOptions: Partial<ClientOptions> = {},
): Member {
  const calls: string[] = []
  const cut = new AbortController()
  const client = connect({
    url,
    fetch: async (input, init) => {
      cut.signal.throwIfAborted()
      calls.push(`${init?.method} ${new URL(input).pathname}`)
      const signals = [cut.signal, ...(init?.signal ? [init.signal] : [])]
      return await fetch(input, { ...init, signal: AbortSignal.any(signals) })
    },
    ...clientOptions,
  })
  const consumer = client.consumer({
    from: 'earliest',
    sessionTimeoutMs: 2_000,
    transport: 'long-poll',
    ...(options.topicPattern === undefined && { topics: [options.groupId] }),
    ...options,
  })
  const changes: AssignmentChange[] = []
  consumer.on('assignment', (change) => changes.push(change))
  return { client, consumer, changes, calls, kill: () => cut.abort(new TypeError('cut')) }
}

/** Runs until the consumer is closed, and collects the delivered records. */
export function collect(consumer: GroupConsumer, seen: Seen[], concurrency = 1): Promise<void> {
  return consumer.run(async (batch) => void seen.push(...seenIn(batch)), { concurrency })
}

export function seenIn({ records }: ConsumerBatch): Seen[] {
  return records.map(({ topic, partition, offset, valueText: value }) => {
    return { topic, partition, offset, value }
  })
}

/** Returns `partition:offset` of each record. */
export function keysOf(seen: readonly Seen[]): string[] {
  return seen.map(({ partition, offset }) => `${partition}:${offset}`)
}

export function partitionsOf({ consumer }: Member): number[] {
  return consumer.assignment.map(({ partition }) => partition).toSorted((a, b) => a - b)
}

/** Stores records with the values from `from` to `to`, in one batch. */
export async function produce(
  log: Client,
  topic: string,
  partition: number,
  from: number,
  to: number,
): Promise<void> {
  const producer = log.createProducer()
  const values = range(from, to)
  await Promise.all(values.map((value) => producer.send(topic, { value: `${value}`, partition })))
  await producer.close()
}

/** Returns the committed offsets by partition of the only topic. */
export async function committedOffsets(
  url: string,
  groupId: string,
): Promise<Record<number, number>> {
  const response = await fetch(`${url}/v1/groups/${groupId}/offsets`)
  if (!response.ok) return {}
  const { offsets } = (await response.json()) as {
    offsets: Array<{ partition: number; offset: number }>
  }
  return Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]))
}

export async function memberCount(url: string, groupId: string): Promise<number> {
  const response = await fetch(`${url}/v1/groups/${groupId}?lag=false`)
  return response.ok ? ((await response.json()) as { memberCount: number }).memberCount : 0
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
