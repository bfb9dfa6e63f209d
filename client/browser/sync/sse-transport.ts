/** The log as server-sent events, read by `fetch`, because an `EventSource` cannot send a token. */
import { decodeBase64 } from '../../../src/core/bytes/base64.ts'
import { takeFrame, takeNotice } from '../../consumer/tail-messages.ts'
import type { Connection } from '../../http/connection.ts'
import { FOLLOW_STREAM_CREDIT_BYTES } from '../limits.ts'
import { type BodyReader, openFetch } from './fetch-transport.ts'
import type { Transport, TransportListener } from './transport.ts'

export function openEventStream(connection: Connection, listener: TransportListener): Transport {
  return openFetch(connection, listener, {
    accept: 'text/event-stream',
    creditBytesMax: FOLLOW_STREAM_CREDIT_BYTES,
    newReader: readEvents,
  })
}

function readEvents(listener: TransportListener): BodyReader {
  const decoder = new TextDecoder()
  let text = ''
  let event = ''
  let data = ''
  return async (bytes) => {
    text += decoder.decode(bytes, { stream: true })
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end).trim()
      text = text.slice(end + 1)
      const value = line.slice(line.indexOf(':') + 1).trim()
      if (line.startsWith('data:')) data += value
      else if (line.startsWith('event:')) event = value
      else if (line === '') {
        if (event === 'frame') await takeFrame(decodeBase64(data), listener)
        // Other events, and comments, are ignored.
        else if (event === '' && data !== '') takeNotice(data, listener)
        event = ''
        data = ''
      }
    }
  }
}
