/**
 * Sockets for kafkajs over sessions of edgelog, for programs without TCP: a Worker, an edge function, a page whose
 * bundler provides Node's modules.
 *
 *     import kafkajs from 'kafkajs'
 *     import { sessionSockets } from './session-socket.js'
 *
 *     const socketFactory = sessionSockets('https://log.example.com', token)
 *     const kafka = new kafkajs.Kafka({ brokers: ['log.example.com:443'], socketFactory })
 *
 * docs/PROTOCOL.md, section 11.1, describes the messages.
 */
import { Buffer } from 'node:buffer'

/** After so many response bytes the server is told that they left this memory. */
const NOTICE_BYTES = 256 * 1024

/** Returns kafkajs's `socketFactory`. All brokers that kafkajs names are the server at `url`. */
export function sessionSockets(url, token) {
  const session = new URL('/kafka', url)
  session.protocol = session.protocol === 'https:' ? 'wss:' : 'ws:'
  const protocols = ['edgelog.kafka.v1']
  if (token !== undefined) protocols.push(`edgelog.bearer.${base64url(token)}`)
  return ({ onConnect }) => new SessionSocket(session.href, protocols, onConnect)
}

class SessionSocket {
  #webSocket
  #listeners = { data: [], end: [], error: [], timeout: [] }
  #consumedBytes = 0

  constructor(url, protocols, onConnect) {
    this.#webSocket = new WebSocket(url, protocols)
    this.#webSocket.binaryType = 'arraybuffer'
    this.#webSocket.addEventListener('open', onConnect)
    this.#webSocket.addEventListener('message', ({ data }) => this.#receive(data))
    this.#webSocket.addEventListener('error', () => {
      this.#emit(
        'error',
        Object.assign(new Error(`${url} refused the session`), { code: 'ECONNREFUSED' }),
      )
    })
    this.#webSocket.addEventListener('close', () => this.#emit('end'))
  }

  on(event, listener) {
    this.#listeners[event]?.push(listener)
    return this
  }

  write(bytes) {
    this.#webSocket.send(bytes)
    return true
  }

  end() {
    this.#webSocket.close(1000)
  }

  destroy() {
    this.end()
  }

  unref() {}

  #receive(data) {
    // Text messages are credit and pings. kafkajs has few bytes under way, so it needs no credit; if the server asks
    // for another session, kafkajs connects again.
    if (typeof data === 'string') {
      if (JSON.parse(data).op === 'end') this.#webSocket.send('{"op":"end"}')
      return
    }
    this.#emit('data', Buffer.from(data))
    this.#consumedBytes += data.byteLength
    if (this.#consumedBytes < NOTICE_BYTES) return
    this.#webSocket.send(JSON.stringify({ op: 'consumed', bytes: this.#consumedBytes }))
    this.#consumedBytes = 0
  }

  #emit(event, ...values) {
    for (const listener of this.#listeners[event]) listener(...values)
  }
}

function base64url(text) {
  return Buffer.from(text).toString('base64url')
}
