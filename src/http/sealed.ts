/**
 * The route that returns whole sealed chunks, which caches may keep:
 *
 *     token or public topic? ──> cache ──miss──> partition, or R2
 *                                  │hit
 *                             log start, at most 30 s old
 *
 * The cache has a chunk under its first offset. Under other offsets of the chunk it has an alias: a response without a
 * body that names the first one.
 */

import { z } from '@hono/zod-openapi'
import { type AppContext, brokerOf, callerError } from '../app/env.ts'
import { COMMON_HEADERS, errorResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import type { SealedLog } from '../broker/sealed-log.ts'
import { crc32c } from '../core/bytes/crc32c.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  COMPACTED_CACHE_S,
  PUBLIC_LOOK_UPS_INTERVAL_MS,
  PUBLIC_LOOK_UPS_MAX,
  SEALED_CACHE_S,
} from '../core/limits.ts'
import { notSealed } from '../core/log/sealed.ts'
import { MEDIA_TYPES, SealedParams } from './schemas.ts'
import type { SealedCache } from './sealed-cache.ts'

/** Callers without a token read public topics here. */
export const SEALED_PATH = /^\/v1\/topics\/[^/]+\/partitions\/\d+\/sealed\/\d+$/

/** A URL of its own, so that no request from outside reaches an entry. */
const CACHE_URL = 'https://sealed.edgelog.invalid/v1'
const YEAR_S = 31_536_000

export function addSealedRoute(app: App, cache: SealedCache): void {
  const budget = new LookUpBudget()
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topicId}/partitions/{partition}/sealed/{offset}',
      summary: 'Read the whole sealed chunk that holds an offset',
      responses: {
        200: {
          description: 'The record batches of the chunk',
          content: { [MEDIA_TYPES.batch]: { schema: z.string() } },
        },
        304: { description: 'The chunk is the one that If-None-Match names' },
        ...errorResponses(),
      },
    },
    { params: SealedParams, query: z.strictObject({}) },
    async (c, { params: { topicId, partition, offset } }) => {
      const log = await openLog(c, topicId, partition, budget)
      const kept = await findKept(cache, log, offset)
      if (kept === undefined) return respond(c, log, await readAndKeep(cache, log, offset))
      checkStart(kept.from, offset, await log.logStartOffset())
      return respond(c, log, kept)
    },
  )
}

/** @throws {EdgelogError} the error of the caller, for a topic that it may not read or that does not exist */
async function openLog(
  c: AppContext,
  topicId: string,
  partition: number,
  budget: LookUpBudget,
): Promise<SealedLog> {
  const refusal = callerError(c)
  // Without a token in its settings a server is not meant to be reached from outside at all.
  if (refusal !== undefined && refusal.code !== 'unauthorized') throw refusal
  const mayLookUp = () => refusal === undefined || budget.take(Date.now())
  try {
    return await brokerOf(c).records.openSealed(topicId, partition, mayLookUp)
  } catch (error) {
    const isLater = error instanceof EdgelogError && error.retryable
    throw isLater ? error : (refusal ?? error)
  }
}

interface Found {
  readonly from: number
  readonly to: number
  readonly etag: string
  readonly sizeBytes: number
  readonly body: ReadableStream | Uint8Array<ArrayBuffer> | null
  readonly isKept: boolean
}

async function findKept(
  cache: SealedCache,
  log: SealedLog,
  offset: number,
): Promise<Found | undefined> {
  const named = await cache.find(keyOf(log, offset))
  const first = Number(named?.headers.get('Edgelog-Offset') ?? Number.NaN)
  const response = first === offset ? named : await findAliased(cache, log, named, first)
  if (response === undefined) return undefined
  const { headers, body } = response
  const etag = headers.get('ETag') ?? ''
  const to = Number(headers.get('Edgelog-Next-Offset') ?? Number.NaN)
  const sizeBytes = Number(headers.get('Edgelog-Size') ?? Number.NaN)
  // An entry of another version of this code.
  if (etag === '' || !(to > offset) || !(sizeBytes >= 0)) return undefined
  return { from: first, to, etag, sizeBytes, body, isKept: true }
}

async function findAliased(
  cache: SealedCache,
  log: SealedLog,
  alias: Response | undefined,
  first: number,
): Promise<Response | undefined> {
  if (alias === undefined || !(first >= 0)) return undefined
  discard(alias.body)
  return await cache.find(keyOf(log, first))
}

async function readAndKeep(cache: SealedCache, log: SealedLog, offset: number): Promise<Found> {
  const { from, to, batches } = await log.read(offset)
  const body = batches as Uint8Array<ArrayBuffer>
  const sizeBytes = body.length
  const etag = `"${from}-${to}-${sizeBytes}-${crc32c(body).toString(16)}"`
  const seconds = log.isCompacted ? COMPACTED_CACHE_S : SEALED_CACHE_S
  const headers = {
    'Cache-Control': `public, max-age=${seconds}`,
    'Edgelog-Offset': String(from),
    'Edgelog-Next-Offset': String(to),
    'Edgelog-Size': String(sizeBytes),
    ETag: etag,
  }
  await cache.keep(keyOf(log, from), new Response(body, { headers }))
  if (from !== offset) await cache.keep(keyOf(log, offset), new Response(null, { headers }))
  return { from, to, etag, sizeBytes, body, isKept: false }
}

/** Chunks that may be rewritten have other keys: a change of `cleanup.policy` finds none that were kept before. */
function keyOf({ topic, partition, isCompacted }: SealedLog, offset: number): string {
  const kind = isCompacted ? 'compacted' : 'final'
  return `${CACHE_URL}/${kind}/${topic.id}/${partition}/${offset}`
}

/** @throws {EdgelogError} as the partition, for a chunk that the log start has passed or cuts */
function checkStart(from: number, offset: number, logStartOffset: number): void {
  if (offset < logStartOffset) {
    const why = `offset: ${offset} is below the log start ${logStartOffset}`
    throw new EdgelogError('offset_out_of_range', why, { details: { logStartOffset } })
  }
  if (from < logStartOffset) throw notSealed(offset)
}

function respond(c: AppContext, log: SealedLog, found: Found): Response {
  const { from, to, etag, sizeBytes, body, isKept } = found
  const scope = log.isPublic ? 'public' : 'private'
  const age = log.isCompacted ? `max-age=${COMPACTED_CACHE_S}` : `max-age=${YEAR_S}, immutable`
  const headers = new Headers({
    ...COMMON_HEADERS,
    'Cache-Control': `${scope}, ${age}`,
    'Cache-Status': isKept ? 'edgelog; hit' : 'edgelog; fwd=miss',
    'Edgelog-Offset': String(from),
    'Edgelog-Next-Offset': String(to),
    ETag: etag,
  })
  // A cache of one browser must not give a chunk to a page with another token.
  if (!log.isPublic) headers.append('Vary', 'Authorization')
  c.set('hasCommonHeaders', true)
  if (isNamed(c.req.header('if-none-match'), etag)) {
    discard(body)
    return new Response(null, { status: 304, headers })
  }
  headers.set('Content-Type', MEDIA_TYPES.batch)
  headers.set('Content-Length', String(sizeBytes))
  return new Response(body, { headers })
}

/** Ends a body that is not needed. Nobody waits for the end, so it matters to none whether that succeeds. */
function discard(body: Found['body']): void {
  if (body instanceof ReadableStream) body.cancel().catch(() => undefined)
}

/** Returns whether `If-None-Match` contains the tag, compared weakly (RFC 9110, section 13.1.2). */
function isNamed(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}

/** The look-ups of topics for callers without a token, which anyone can cause by guessing ids. */
class LookUpBudget {
  #count = 0
  #endsAtMs = 0

  /** Returns whether one more is allowed now. */
  take(nowMs: number): boolean {
    if (nowMs >= this.#endsAtMs) {
      this.#endsAtMs = nowMs + PUBLIC_LOOK_UPS_INTERVAL_MS
      this.#count = 0
    }
    this.#count += 1
    return this.#count <= PUBLIC_LOOK_UPS_MAX
  }
}
