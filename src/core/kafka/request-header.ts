/**
 * The header before the body of every frame:
 *
 *   request v1    int16 apiKey | int16 apiVersion | int32 correlationId | int16-length clientId
 *   request v2    as v1 | tagged fields
 *   response v0   int32 correlationId
 *   response v1   as v0 | tagged fields
 *
 * Flexible versions use the second form, with one exception: the response of ApiVersions always
 * has v0, since its client does not know the server's versions yet (KIP-511).
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { LENGTHS, texts } from './scalar-codec.ts'
import { type Grammar, isFlexible } from './schema.ts'
import { skipTagged } from './tagged-fields.ts'

export const API_VERSIONS_KEY = 18

interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/** The part of an API that its headers depend on. */
type ApiForm = Pick<Grammar, 'key' | 'flexibleSince'>

/** The length is an int16 in flexible versions too. */
const clientIds = texts(LENGTHS.fixed, true)

/**
 * Reads the header; the body follows in the reader.
 *
 * @param apiOf Returns the API of a key; undefined if it is unknown: then the body cannot be read.
 * @throws {DecodeError} for an invalid header.
 */
export function readRequestHeader(
  reader: ByteReader,
  apiOf: (apiKey: number) => Pick<Grammar, 'flexibleSince'> | undefined,
): RequestHeader {
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const clientId = clientIds.read(reader) as string | null
  const api = apiOf(apiKey)
  if (api !== undefined && isFlexible(api, apiVersion)) skipTagged(reader)
  return { apiKey, apiVersion, correlationId, clientId }
}

export function writeRequestHeader(
  writer: ByteWriter,
  api: ApiForm,
  { apiVersion, correlationId, clientId }: Omit<RequestHeader, 'apiKey'>,
): void {
  writer.int16(api.key)
  writer.int16(apiVersion)
  writer.int32(correlationId)
  clientIds.write(writer, clientId)
  if (isFlexible(api, apiVersion)) writer.unsignedVarint(0)
}

/** Returns the correlation id; the body follows in the reader. */
export function readResponseHeader(reader: ByteReader, api: ApiForm, version: number): number {
  const correlationId = reader.int32()
  if (hasTaggedResponseHeader(api, version)) skipTagged(reader)
  return correlationId
}

export function writeResponseHeader(
  writer: ByteWriter,
  api: ApiForm,
  version: number,
  correlationId: number,
): void {
  writer.int32(correlationId)
  if (hasTaggedResponseHeader(api, version)) writer.unsignedVarint(0)
}

function hasTaggedResponseHeader(api: ApiForm, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && isFlexible(api, version)
}
