/**
 * The schema language: the messages of a Kafka API, written once for all versions. Kafka's
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
  /** The first and the last supported version. */
  readonly versions: readonly [first: number, last: number]
  /** The first version with compact lengths and with tagged fields in structs; null: none. */
  readonly flexibleSince: number | null
  /** The first version in ApiVersions, if it is not the first supported one. */
  readonly advertisedSince?: number
  readonly request: Request
  readonly response: Response
}

/** The messages of one API, for `readRequest` and the functions below. */
export interface Messages<Request extends Fields = Fields, Response extends Fields = Fields>
  extends Grammar<Request, Response> {
  readonly codecs: {
    readonly request: (version: number) => Codec
    readonly response: (version: number) => Codec
  }
}

/** A request in a handler: every field is present, absent ones with their default. */
export type RequestOf<M extends Messages> = ReadOf<M['request']>
/** A handler's response: fields with `.or` or `.tag` may be omitted. */
export type ResponseOf<M extends Messages> = WrittenOf<M['response']>
/** A request that a client writes. */
export type WrittenRequestOf<M extends Messages> = WrittenOf<M['request']>
/** A response that a client reads. */
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

/** Returns whether a version has compact lengths and tagged fields; also for unsupported versions. */
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
 * Reads a request after its header. Bytes are views. Remaining bytes are ignored, as in a broker: librdkafka's
 * Metadata request for all topics has three bytes too many.
 *
 * @throws {DecodeError} for an invalid request.
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
 * @throws {Error} for a value that cannot be encoded in this version.
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
 * Reads a response after its header, up to the end of `reader`. Bytes are views.
 *
 * @throws {DecodeError} for an invalid response, and for remaining bytes.
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
 * @throws {Error} for a value that cannot be encoded in this version, such as
 * null in a field that is not nullable.
 */
export function writeResponse<M extends Messages>(
  { codecs }: M,
  version: number,
  value: ResponseOf<M>,
  writer: ByteWriter,
): void {
  codecs.response(version).write(writer, value)
}

/** Compiles a version on its first use, because a client uses few versions. */
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
