/**
 * Kafka's SaslAuthenticate (key 36): tells whether the token is the right one. The request that carries
 * this frame shows it as any request does: in its `Authorization` header.
 */
import { SASL_AUTHENTICATE } from '../../core/kafka/sasl-messages.ts'
import { NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'

const NOTHING = new Uint8Array(0)

export const saslAuthenticateApi = handled(SASL_AUTHENTICATE, async (_, call) => {
  if (call.isAuthorized) return { errorCode: NO_ERROR, authBytes: NOTHING }
  call.close()
  const errorMessage =
    'Authentication failed: the password, or the token, is not the one of this log, ' +
    'or the log has none and answers on localhost only'
  return { errorCode: numberOf('unauthorized'), errorMessage, authBytes: NOTHING }
})
