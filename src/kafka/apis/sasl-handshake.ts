/**
 * Kafka's SaslHandshake (key 17): which mechanism the client means to say by who it is. All come to the
 * bearer token that every other door asks for; the bridge reads it and shows it with each request.
 */
import { SASL_HANDSHAKE } from '../../core/kafka/sasl-messages.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

export const SASL_MECHANISMS = ['PLAIN', 'OAUTHBEARER']
const UNSUPPORTED_SASL_MECHANISM = 33

/** Who means another one is told which there are, and hung up on. */
export const saslHandshakeApi = handled(SASL_HANDSHAKE, async ({ mechanism }, call) => {
  const isKnown = SASL_MECHANISMS.includes(mechanism)
  if (!isKnown) call.close()
  return {
    errorCode: isKnown ? NO_ERROR : UNSUPPORTED_SASL_MECHANISM,
    mechanisms: SASL_MECHANISMS,
  }
})
