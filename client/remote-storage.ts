/** Checks and rebuilds what a partition has in R2, over the HTTP API. */
import { type Connection, requestJson } from './http/connection.ts'
import { partitionPath } from './http/paths.ts'

/** The objects of a partition that were checked. */
export interface TierVerification {
  readonly objects: number
  readonly bytes: number
  /** Objects that are not what the partition wrote. */
  readonly damaged: ReadonlyArray<{
    readonly key: string
    readonly baseOffset: number
    readonly endOffset: number
    readonly reason: string
  }>
  /** The names of objects that belong to no row of the partition. */
  readonly orphans: readonly string[]
}

/** A log after objects became part of it again. */
export interface TierRebuilding {
  readonly adopted: number
  /** Objects that could not become part of it. */
  readonly damaged: ReadonlyArray<{ readonly key: string; readonly reason: string }>
  /** Offsets that are missing between the objects, the highest first, up to 1,000. Readers pass over them. */
  readonly holes: ReadonlyArray<{ readonly from: number; readonly to: number }>
  readonly logStartOffset: number
  readonly highWatermark: number
}

interface Options {
  readonly signal?: AbortSignal | undefined
}

/** Checks all objects of a partition, some in each call. */
export async function verifyTier(
  connection: Connection,
  topic: string,
  partition: number,
  { data, signal }: Options & { readonly data: boolean },
): Promise<TierVerification> {
  const path = `${partitionPath(topic, partition)}/tier/verify`
  const sum = { objects: 0, bytes: 0 }
  const damaged: TierVerification['damaged'][number][] = []
  const orphans: string[] = []
  for (let fromOffset: number | null = 0; fromOffset !== null; ) {
    const page: TierVerification & { readonly nextOffset: number | null } = await requestJson(
      connection,
      path,
      {
        method: 'POST',
        body: JSON.stringify({ fromOffset, data }),
        contentType: 'application/json',
        signal,
      },
    )
    sum.objects += page.objects
    sum.bytes += page.bytes
    damaged.push(...page.damaged)
    orphans.push(...page.orphans)
    fromOffset = page.nextOffset
  }
  return { ...sum, damaged, orphans }
}

/** Rebuilds the rows of a partition, some in each call. */
export async function rebuildTier(
  connection: Connection,
  topic: string,
  partition: number,
  { signal }: Options,
): Promise<TierRebuilding> {
  const path = `${partitionPath(topic, partition)}/tier/rebuild`
  const damaged: TierRebuilding['damaged'][number][] = []
  let adopted = 0
  for (let query = ''; ; ) {
    const page: TierRebuilding & { readonly beforeOffset: number | null } = await requestJson(
      connection,
      `${path}${query}`,
      { method: 'POST', signal },
    )
    adopted += page.adopted
    damaged.push(...page.damaged)
    const { holes, logStartOffset, highWatermark, beforeOffset } = page
    if (beforeOffset === null) return { adopted, damaged, holes, logStartOffset, highWatermark }
    query = `?beforeOffset=${beforeOffset}`
  }
}
