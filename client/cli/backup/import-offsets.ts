/** Commits the offsets of groups that an export file has. */
import {
  type Client,
  EdgelogError,
  type PartitionDetails,
  type TopicDescription,
} from '../../index.ts'
import type { ExportedOffset, GroupFrame } from './export-format.ts'
import { offsetsOf } from './export-topics.ts'
import { DESCRIPTIONS_MAX } from './limits.ts'

/** Never changes an offset that a group has: it may have gone on since an earlier import. */
export class OffsetImport {
  readonly #client: Client
  readonly #signal: AbortSignal
  readonly #topics = new Map<string, readonly PartitionDetails[]>()
  /** The last group, and the partitions for which it has an offset; its frames follow one another. */
  #groupId: string | undefined
  #committed = new Set<string>()

  constructor(client: Client, signal: AbortSignal) {
    this.#client = client
    this.#signal = signal
  }

  /** Commits the offsets of a frame. One that is outside the log is moved to its nearer end. */
  async add({ groupId, offsets }: GroupFrame): Promise<void> {
    const client = this.#client
    if (this.#groupId !== groupId) {
      const committed = await offsetsOf(client, groupId, this.#signal)
      this.#committed = new Set(committed.map(partitionName))
      this.#groupId = groupId
    }
    const moved: ExportedOffset[] = []
    for (const one of offsets) {
      if (this.#committed.has(partitionName(one))) continue
      const ends = await this.#endsOf(one)
      if (ends === undefined) continue
      const { logStartOffset, highWatermark } = ends
      const offset = Math.min(Math.max(one.offset, logStartOffset), highWatermark)
      moved.push({ ...one, offset })
      this.#committed.add(partitionName(one))
    }
    if (moved.length === 0) return
    await client.group(groupId).commitOffsets(moved, { signal: this.#signal })
  }

  async #endsOf({ topic, partition }: ExportedOffset): Promise<PartitionDetails | undefined> {
    let details = this.#topics.get(topic)
    if (details === undefined) {
      details = (await findTopic(this.#client, topic, this.#signal))?.partitionDetails ?? []
      if (this.#topics.size >= DESCRIPTIONS_MAX) this.#topics.clear()
      this.#topics.set(topic, details)
    }
    return details[partition]
  }
}

/** Returns a topic; undefined if it does not exist. */
export async function findTopic(
  { admin }: Client,
  name: string,
  signal: AbortSignal,
): Promise<TopicDescription | undefined> {
  try {
    return await admin.describeTopic(name, { signal })
  } catch (error) {
    const isMissing = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
    if (isMissing) return undefined
    throw error
  }
}

function partitionName({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`
}
