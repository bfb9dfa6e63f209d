/**
 * Kafka's SaslAuthenticate (key 36): returns whether the token is right. The HTTP request that carries this frame has
 * the token in its `Authorization` header, like any other request.
 */
import { SASL_AUTHENTICATE } from '../../core/kafka/sasl-messages.ts'
import { NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'

const NOTHING = new Uint8Array(0)

export const saslAuthenticateApi = handled(SASL_AUTHENTICATE, async (_, call) => {
  if (call.isAuthorized) return { errorCode: NO_ERROR, authBytes: NOTHING }
  call.close()
  const errorMessage =
    'Authentication failed: the password or token is not the one of this log, ' +
    'or the log has none and responds on localhost only'
  return { errorCode: numberOf('unauthorized'), errorMessage, authBytes: NOTHING }
})
