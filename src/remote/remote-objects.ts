/**
 * Reads the objects of tiered logs: footers and ranges of whole chunks, each checked. Objects never change, so both are
 * kept in the isolate, within bounds.
 */
import { EdgelogError } from '../core/errors.ts'
import {
  REMOTE_CALL_MS_MAX,
  REMOTE_CHUNKS_BYTES_MAX,
  REMOTE_FOOTERS_BYTES_MAX,
} from '../core/limits.ts'
import {
  checkFooter,
  cutChunks,
  damaged,
  decodeFooter,
  footerBytesOf,
  type RemoteChunk,
  type RemoteFooter,
  segmentOf,
  TRAILER_BYTES,
} from '../core/log/remote/remote-object.ts'
import type { PartitionIdentity, RemoteSegment } from '../core/log/remote/remote-segment.ts'
import { withinTime } from '../events/within-time.ts'
import { SizedCache } from './sized-cache.ts'

/** R2's error code for a range behind the end of an object. */
const RANGE_NOT_SATISFIABLE = '(10039)'

/** Keeps parts of the objects that the requests of an isolate read. */
export class RemoteObjectCache {
  readonly footers = new SizedCache<RemoteFooter>(REMOTE_FOOTERS_BYTES_MAX)
  /** By key and base offset. */
  readonly chunks = new SizedCache<Uint8Array>(REMOTE_CHUNKS_BYTES_MAX)
}

/** The error of an object that does not exist: retention may have been faster than its reader. */
export class MissingObject extends EdgelogError {
  constructor(key: string) {
    super('remote_storage_damaged', `object ${key}: it does not exist`)
  }
}

/** All methods throw `remote_storage_damaged` and `remote_storage_unavailable`. */
export class RemoteObjects {
  readonly #bucket: R2Bucket | undefined
  readonly #cache: RemoteObjectCache

  constructor(bucket: R2Bucket | undefined, cache: RemoteObjectCache) {
    this.#bucket = bucket
    this.#cache = cache
  }

  /** Reads the footer of a segment. @throws {MissingObject} */
  async footer(segment: RemoteSegment, partition: PartitionIdentity): Promise<RemoteFooter> {
    const { key, sizeBytes, objectBytes } = segment
    const kept = this.#cache.footers.get(key)
    if (kept !== undefined) return kept
    const bytes = await this.#range(key, { offset: sizeBytes, length: objectBytes - sizeBytes })
    const footer = decodeFooter(bytes, key)
    checkFooter(footer, segment, partition)
    this.#cache.footers.set(key, footer, bytes.length)
    return footer
  }

  /** Reads neighbouring chunks of a segment, in one call for those that are not kept. @throws {MissingObject} */
  async chunks(
    segment: RemoteSegment,
    footer: RemoteFooter,
    wanted: readonly RemoteChunk[],
  ): Promise<Uint8Array[]> {
    const { key } = segment
    const nameOf = ({ baseOffset }: RemoteChunk) => `${key} ${baseOffset}`
    const kept = wanted.map((chunk) => this.#cache.chunks.get(nameOf(chunk)))
    const missing = wanted.filter((_, index) => kept[index] === undefined)
    const [first] = missing
    const last = missing.at(-1)
    if (first === undefined || last === undefined) return kept.filter((one) => one !== undefined)
    const read = wanted.slice(wanted.indexOf(first), wanted.indexOf(last) + 1)
    const before = footer.chunks.slice(0, footer.chunks.indexOf(first))
    const offset = before.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const length = read.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const bytes = await this.#range(key, { offset, length })
    const chunks = cutChunks(bytes, read, key)
    // Only one chunk is kept of a read, the last: the next fetch may begin in it.
    const lastBytes = chunks.at(-1)
    if (lastBytes !== undefined) {
      this.#cache.chunks.set(nameOf(last), lastBytes, bytes.length)
    }
    return wanted.map((chunk, index) => kept[index] ?? (chunks[read.indexOf(chunk)] as Uint8Array))
  }

  /** Lists the objects whose names begin with `prefix`, in order. */
  async list(
    prefix: string,
    page: { readonly startAfter: string; readonly limit: number },
  ): Promise<R2Objects> {
    return await this.#call(`list ${prefix}`, (bucket) => bucket.list({ prefix, ...page }))
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#call(`head ${key}`, (bucket) => bucket.head(key))) !== null
  }

  /** Describes an object by its own footer. @throws {MissingObject} */
  async inspect(key: string): Promise<{
    readonly segment: RemoteSegment
    readonly footer: RemoteFooter
    readonly sha256: string
  }> {
    const head = await this.#call(`head ${key}`, (bucket) => bucket.head(key))
    if (head === null) throw new MissingObject(key)
    const footerBytes = footerBytesOf(await this.#range(key, { suffix: TRAILER_BYTES }), key)
    const footer = decodeFooter(await this.#range(key, { suffix: footerBytes }), key)
    const segment = segmentOf(key, footer, footerBytes)
    if (segment.objectBytes !== head.size) throw damaged(key, 'it has another size')
    // An object that an operator put back may have none; its chunks have their own.
    const { sha256 = '' } = head.checksums.toJSON()
    return { segment, footer, sha256 }
  }

  async #range(key: string, range: R2Range): Promise<Uint8Array> {
    return await this.#call(`get ${key}`, async (bucket) => {
      const object = await bucket.get(key, { range })
      if (object === null) throw new MissingObject(key)
      return new Uint8Array(await object.arrayBuffer())
    })
  }

  async #call<T>(what: string, work: (bucket: R2Bucket) => Promise<T>): Promise<T> {
    if (this.#bucket === undefined) {
      const why = 'the Worker has no binding REMOTE_LOG; see docs/OPERATIONS.md'
      throw new EdgelogError('remote_storage_unavailable', why)
    }
    try {
      return await withinTime(REMOTE_CALL_MS_MAX, `R2: ${what}`, work(this.#bucket))
    } catch (cause) {
      if (cause instanceof EdgelogError) throw cause
      if (cause instanceof Error && cause.message.includes(RANGE_NOT_SATISFIABLE)) {
        throw new EdgelogError('remote_storage_damaged', `R2: ${what}: the object is cut`, {
          cause,
        })
      }
      const why = `R2 did not respond as it should (${what}); try again`
      throw new EdgelogError('remote_storage_unavailable', why, { cause })
    }
  }
}
