/**
 * Takes the bearer token of a client's calls from its SASL
 * frames, for a bridge that passes it on, or for a server that checks it.
 *
 *   SaslHandshake v1, SaslAuthenticate      like any other request
 *   SaslHandshake v0, then a bare token      int32 size | token     the response has no header either
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { FrameError } from './frame-cutter.ts'
import { readRequestHeader, readResponseHeader, writeRequestHeader } from './request-header.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from './sasl-messages.ts'
import { type Messages, readRequest, readResponse, writeRequest } from './schema.ts'

const BEARER = /^[\x21-\x7e]*$/

export class SaslSession {
  #mechanism = ''
  #expectsBareToken = false
  #token: string | undefined

  /** The token that the client has sent. */
  get token(): string | undefined {
    return this.#token
  }

  /** True if the next frame is a token without a header. */
  get expectsBareToken(): boolean {
    return this.#expectsBareToken
  }

  /** @throws {DecodeError} for an invalid handshake. */
  handshake(request: Uint8Array): void {
    const { reader, apiVersion } = open(request, SASL_HANDSHAKE)
    const { mechanism } = readRequest(SASL_HANDSHAKE, apiVersion, reader)
    this.#mechanism = mechanism
    this.#expectsBareToken = apiVersion === 0
  }

  /** @throws {DecodeError} for an invalid request. */
  authenticate(request: Uint8Array): void {
    const { reader, apiVersion } = open(request, SASL_AUTHENTICATE)
    this.#take(readRequest(SASL_AUTHENTICATE, apiVersion, reader).authBytes)
  }

  /** Takes a bare token. @returns the equivalent SaslAuthenticate request */
  wrap(authBytes: Uint8Array): Uint8Array {
    this.#expectsBareToken = false
    this.#take(authBytes)
    const writer = new ByteWriter()
    const header = { apiVersion: 0, correlationId: 0, clientId: null }
    writeRequestHeader(writer, SASL_AUTHENTICATE, header)
    writeRequest(SASL_AUTHENTICATE, 0, { authBytes }, writer)
    return writer.toBytes()
  }

  /** Returns the bare response to a bare token. @throws {FrameError} if the server rejects the token. */
  unwrap(response: Uint8Array): Uint8Array {
    const reader = new ByteReader(response)
    readResponseHeader(reader, SASL_AUTHENTICATE, 0)
    const { errorCode, authBytes } = readResponse(SASL_AUTHENTICATE, 0, reader)
    if (errorCode !== 0) throw new FrameError(`authentication failed (Kafka error ${errorCode})`)
    return authBytes
  }

  #take(authBytes: Uint8Array): void {
    const text = new TextDecoder().decode(authBytes)
    const token = this.#mechanism === 'OAUTHBEARER' ? bearerOf(text) : passwordOf(text)
    // A missing or malformed token becomes an empty one, which the server
    // rejects: a client that uses SASL is never treated as one without.
    this.#token = token !== undefined && BEARER.test(token) ? token : ''
  }
}

function open(
  request: Uint8Array,
  messages: Messages,
): { readonly reader: ByteReader; readonly apiVersion: number } {
  const reader = new ByteReader(request)
  const { apiVersion } = readRequestHeader(reader, () => messages)
  return { reader, apiVersion }
}

/** Reads PLAIN (RFC 4616): authzid NUL user NUL password. Any user name is accepted. */
function passwordOf(text: string): string | undefined {
  const [, , password] = text.split('\0')
  return password
}

/** Reads OAUTHBEARER (RFC 7628): n,, ^A auth=Bearer token ^A ^A */
function bearerOf(text: string): string | undefined {
  return text
    .split('\u0001')
    .map((field) => /^auth=Bearer +(\S+)$/i.exec(field)?.[1])
    .find((token) => token !== undefined)
}
