/** A fake group coordinator behind `fetch`, with faults set by the test, and the log of its topic. */
import type { AssignedPartitions, Heartbeat, OffsetCommit } from '../../client/group/group-calls.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts'

export const TOPIC_ID = '00000000-0000-4000-8000-000000000001'

type Fate =
  | { readonly code: ErrorCode }
  /** It took effect, but the response is lost. */
  | 'lost'
  /** No response arrives. */
  | 'silent'

export class FakeGroup {
  readonly heartbeats: Heartbeat[] = []
  readonly commits: OffsetCommit[][] = []
  /** Requests in order of arrival: `commit 0:5`, `owned 0,1`. */
  readonly events: string[] = []
  epoch = 0
  topicId = TOPIC_ID
  heartbeatIntervalMs = 1_000
  /** All partitions that the member is to hold. */
  partitions: readonly number[] = []
  committed: Readonly<Record<number, number>> = {}
  /** Faults of the next heartbeats, in order; later ones succeed. */
  readonly fates: Fate[] = []
  readonly commitFates: Fate[] = []
  /** Fault of all heartbeats from now on. */
  fate: Fate | undefined
  /** Fault of fetching offsets, and of reading. */
  offsetsFate: { readonly code: ErrorCode } | undefined
  recordsFate: { readonly code: ErrorCode } | undefined
  /** Awaited before a heartbeat is answered. */
  gate: Promise<void> | undefined
  /** Awaited before a commit is answered. */
  commitGate: Promise<void> | undefined
  readonly #ends = new Map<number, number>()
  #waiting: Array<() => void> = []
  #told: string | undefined

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(input)
    if (pathname.endsWith('/heartbeat')) return await this.#heartbeat(init)
    if (pathname.endsWith('/offsets')) return await this.#offsets(init)
    if (pathname.endsWith('/records')) return await this.#read(new URL(input), init)
    return new Response(null, { status: 404 })
  }

  get last(): Heartbeat {
    const last = this.heartbeats.at(-1)
    if (last === undefined) throw new Error('no heartbeat was sent')
    return last
  }

  /** Appends records, each in its own batch. */
  append(partition: number, count = 1): void {
    this.#ends.set(partition, (this.#ends.get(partition) ?? 0) + count)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #heartbeat(init: RequestInit): Promise<Response> {
    const heartbeat = JSON.parse(String(init.body)) as Heartbeat
    this.heartbeats.push(heartbeat)
    const { owned } = heartbeat
    if (owned !== undefined) this.events.push(`owned ${owned.flatMap((o) => o.partitions)}`)
    await this.gate
    const fate = this.fates.shift() ?? this.fate
    if (fate === 'silent') return await silence(init)
    if (fate !== undefined && fate !== 'lost') return refusal(fate.code)
    const isAllTold = heartbeat.memberEpoch === 0 || heartbeat.topics !== undefined
    const told = JSON.stringify(this.#assignment())
    const assignment = isAllTold || told !== this.#told ? this.#assignment() : null
    this.#told = told
    if (fate === 'lost') throw new TypeError('connection reset')
    const { memberId } = heartbeat
    const { epoch, heartbeatIntervalMs } = this
    return Response.json({ memberId, memberEpoch: epoch, heartbeatIntervalMs, assignment })
  }

  #assignment(): AssignedPartitions[] {
    const { partitions, topicId } = this
    return partitions.length === 0 ? [] : [{ topic: 't', topicId, partitions }]
  }

  async #offsets(init: RequestInit): Promise<Response> {
    if (init.method === 'POST') {
      const { offsets } = JSON.parse(String(init.body)) as { offsets: OffsetCommit[] }
      this.commits.push(offsets)
      this.events.push(`commit ${offsets.map(({ partition, offset }) => `${partition}:${offset}`)}`)
      await this.commitGate
      const fate = this.commitFates.shift()
      if (fate === 'silent') return await silence(init)
      if (fate === 'lost') throw new TypeError('connection reset')
      return fate === undefined ? new Response(null, { status: 204 }) : refusal(fate.code)
    }
    if (this.offsetsFate !== undefined) return refusal(this.offsetsFate.code)
    const offsets = Object.entries(this.committed).map(([partition, offset]) => {
      return { topic: 't', partition: Number(partition), offset }
    })
    return Response.json({ offsets })
  }

  async #read({ pathname, searchParams }: URL, { signal }: RequestInit): Promise<Response> {
    if (this.recordsFate !== undefined) return refusal(this.recordsFate.code)
    const partition = Number(/partitions\/(\d+)\//.exec(pathname)?.[1])
    const end = () => this.#ends.get(partition) ?? 0
    const asked = searchParams.get('offset')
    const offset = asked === 'earliest' ? 0 : asked === 'latest' ? end() : Number(asked)
    while (offset >= end() && searchParams.get('waitMs') !== '0') {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve)
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
    }
    const isThere = offset < end()
    return new Response(isThere ? batchAt(offset) : new Uint8Array(), {
      headers: {
        'edgelog-offset': `${offset}`,
        'edgelog-next-offset': `${isThere ? offset + 1 : offset}`,
        'edgelog-high-watermark': `${end()}`,
        'edgelog-last-stable-offset': `${end()}`,
      },
    })
  }
}

function batchAt(offset: number): Uint8Array<ArrayBuffer> {
  const value = new TextEncoder().encode(`${offset}`)
  const batch = encodeBatch([{ timestamp: 0, key: null, value, headers: [] }])
  assignOffset(batch, 0, offset, 0)
  return new Uint8Array(batch)
}

function refusal(code: ErrorCode): Response {
  const { http, retryable } = ERRORS[code]
  return Response.json({ error: { code, message: code, retryable } }, { status: http })
}

function silence({ signal }: RequestInit): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  })
}
