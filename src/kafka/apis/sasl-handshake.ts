/**
 * Kafka's SaslHandshake (key 17): selects the mechanism by which the client authenticates. Each carries the bearer
 * token that all doors use; the bridge extracts it and sends it with each request.
 */
import { SASL_HANDSHAKE } from '../../core/kafka/sasl-messages.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

export const SASL_MECHANISMS = ['PLAIN', 'OAUTHBEARER']
const UNSUPPORTED_SASL_MECHANISM = 33

/** Returns the supported mechanisms, and closes the connection after an unknown one. */
export const saslHandshakeApi = handled(SASL_HANDSHAKE, async ({ mechanism }, call) => {
  const isKnown = SASL_MECHANISMS.includes(mechanism)
  if (!isKnown) call.close()
  return {
    errorCode: isKnown ? NO_ERROR : UNSUPPORTED_SASL_MECHANISM,
    mechanisms: SASL_MECHANISMS,
  }
})
