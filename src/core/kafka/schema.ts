/**
 * The schema language: what the messages of a Kafka API are, written once for all versions. Kafka's
 * own definitions are JSON that is compiled to Java; these are TypeScript, and infer their types.
 *
 * @example
 * export const HEARTBEAT = messages({
 *   key: 12,
 *   name: 'Heartbeat',
 *   versions: [0, 4],
 *   flexibleSince: 4,
 *   request: {
 *     groupId: string,
 *     generationId: int32,
 *     memberId: string,
 *     groupInstanceId: nullableString.in('3+').or(null),
 *   },
 *   response: { throttleTimeMs: int32.in('1+').or(0), errorCode: int16 },
 * })
 * const request: RequestOf<typeof HEARTBEAT> = readRequest(HEARTBEAT, version, reader)
 * writeResponse(HEARTBEAT, version, { errorCode: 0 }, writer)
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { structCodec } from './codec.ts'
import type { Fields, ReadOf, WrittenOf } from './field.ts'
import { type Codec, sourceOf } from './value-codec.ts'

export {
  array,
  bool,
  bytes,
  float64,
  int8,
  int16,
  int32,
  int64,
  long,
  NO_UUID,
  nullableArray,
  nullableBytes,
  nullableString,
  nullableStruct,
  string,
  struct,
  uint16,
  uuid,
} from './field.ts'

export interface Grammar<Request extends Fields = Fields, Response extends Fields = Fields> {
  /** Kafka's number of the API. */
  readonly key: number
  /** Kafka's name of the API, such as 'ListOffsets'. */
  readonly name: string
  /** The first and the last that are served. */
  readonly versions: readonly [first: number, last: number]
  /** From here on lengths are compact and structs end with tagged fields; null: in no version. */
  readonly flexibleSince: number | null
  /** The first version that ApiVersions names, where that is not the first that is served. */
  readonly advertisedSince?: number
  readonly request: Request
  readonly response: Response
}

/** The messages of one API, for `readRequest` and its like. */
export interface Messages<Request extends Fields = Fields, Response extends Fields = Fields>
  extends Grammar<Request, Response> {
  readonly codecs: {
    readonly request: (version: number) => Codec
    readonly response: (version: number) => Codec
  }
}

/** What a handler is given: every field is there, absent ones with their default. */
export type RequestOf<M extends Messages> = ReadOf<M['request']>
/** What a handler returns: fields with `.or` or `.tag` may be left out. */
export type ResponseOf<M extends Messages> = WrittenOf<M['response']>
/** What a client writes. */
export type WrittenRequestOf<M extends Messages> = WrittenOf<M['request']>
/** What a client reads. */
export type ReadResponseOf<M extends Messages> = ReadOf<M['response']>

export function messages<Request extends Fields, Response extends Fields>(
  grammar: Grammar<Request, Response>,
): Messages<Request, Response> {
  const { request, response } = grammar
  return {
    ...grammar,
    codecs: { request: perVersion(grammar, request), response: perVersion(grammar, response) },
  }
}

/** Whether this version has compact lengths and tagged fields; also of versions that are not served. */
export function isFlexible(
  { flexibleSince }: Pick<Grammar, 'flexibleSince'>,
  version: number,
): boolean {
  return flexibleSince !== null && version >= flexibleSince
}

export function isServed({ versions }: Pick<Grammar, 'versions'>, version: number): boolean {
  return versions[0] <= version && version <= versions[1]
}

/**
 * Reads a request; its header was read before. Bytes are views. What follows it is ignored, as a broker
 * does: librdkafka's Metadata request for all topics has three bytes too many.
 *
 * @throws {DecodeError} for what is not such a request.
 */
export function readRequest<M extends Messages>(
  { codecs }: M,
  version: number,
  reader: ByteReader,
): RequestOf<M> {
  return codecs.request(version).read(sourceOf(reader)) as RequestOf<M>
}

/**
 * Appends a request; fields that the version does not have are ignored.
 *
 * @throws {Error} for a value that the version has no form for.
 */
export function writeRequest<M extends Messages>(
  { codecs }: M,
  version: number,
  value: WrittenRequestOf<M>,
  writer: ByteWriter,
): void {
  codecs.request(version).write(writer, value)
}

/**
 * Reads a response up to the end of `reader`; its header was read before. Bytes are views.
 *
 * @throws {DecodeError} for what is not such a response, and for bytes that are left over.
 */
export function readResponse<M extends Messages>(
  { codecs }: M,
  version: number,
  reader: ByteReader,
): ReadResponseOf<M> {
  const value = codecs.response(version).read(sourceOf(reader))
  if (reader.remaining > 0) {
    throw new DecodeError(reader.position, `${reader.remaining} bytes after the message`)
  }
  return value as ReadResponseOf<M>
}

/**
 * Appends a response; fields that the version does not have are ignored.
 *
 * @throws {Error} for a value that the version has no form for, such as null where it has none.
 */
export function writeResponse<M extends Messages>(
  { codecs }: M,
  version: number,
  value: ResponseOf<M>,
  writer: ByteWriter,
): void {
  codecs.response(version).write(writer, value)
}

/** Compiled when a version is first met: a client uses few of them. */
function perVersion(grammar: Grammar, fields: Fields): (version: number) => Codec {
  const compiled = new Map<number, Codec>()
  return (version) => {
    const known = compiled.get(version)
    if (known !== undefined) return known
    if (!isServed(grammar, version)) throw new Error(`${grammar.name} has no version ${version}`)
    const codec = structCodec(fields, { version, isFlexible: isFlexible(grammar, version) })
    compiled.set(version, codec)
    return codec
  }
}
