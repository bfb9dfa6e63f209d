/**
 * Kafka's SaslHandshake (key 17) and SaslAuthenticate (key 36): a client names a mechanism, then sends its
 * token (KIP-43, KIP-152). They are here and not with the other APIs because the bridge also reads them.
 *
 * After version 0 of the handshake the token is sent as a frame without any header.
 */
import { array, bytes, int16, long, messages, nullableString, string } from './schema.ts'

export const SASL_HANDSHAKE = messages({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleSince: null,
  request: { mechanism: string },
  response: { errorCode: int16, mechanisms: array(string) },
})

export const SASL_AUTHENTICATE = messages({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleSince: 2,
  request: { authBytes: bytes },
  response: {
    errorCode: int16,
    errorMessage: nullableString.or(null),
    authBytes: bytes,
    sessionLifetimeMs: long.in('1+').or(0),
  },
})
