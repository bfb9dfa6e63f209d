/** A load of one-record appends over sessions, at minimal cost to the caller: each append is a message of its own. */
import { WebSocket } from 'ws'
import {
  decodeSessionEntries,
  encodeAppend,
  SESSION_ENTRY,
  SESSION_SUBPROTOCOL,
} from '../../src/core/log/session-protocol.ts'

const ID_POSITION = 1

export class SessionLoad {
  readonly #sockets: readonly WebSocket[]

  private constructor(sockets: readonly WebSocket[]) {
    this.#sockets = sockets
  }

  /** Opens sessions that append to one partition. */
  static async open(url: string, topic: string, sessionsCount: number): Promise<SessionLoad> {
    const open = async () => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/session`, SESSION_SUBPROTOCOL, {
        perMessageDeflate: false,
      })
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        if (!isBinary) echoMark(socket, data.toString())
      })
      socket.send(JSON.stringify({ op: 'open', ref: 0, topic, partition: 0 }))
      return socket
    }
    return new SessionLoad(await Promise.all(Array.from({ length: sessionsCount }, open)))
  }

  /** Appends a batch `count` times, `inFlight` at a time over all sessions. @returns appends per second. */
  async rate(count: number, inFlight: number, batches: Uint8Array): Promise<number> {
    const perSession = Math.floor(inFlight / this.#sockets.length)
    let left = count
    const mayStart = () => left-- > 0
    const startedAtMs = performance.now()
    await Promise.all(
      this.#sockets.map((socket) => appendAll(socket, batches, perSession, mayStart)),
    )
    return count / ((performance.now() - startedAtMs) / 1_000)
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate()
  }
}

async function appendAll(
  socket: WebSocket,
  batches: Uint8Array,
  inFlight: number,
  mayStart: () => boolean,
): Promise<void> {
  let open = 0
  let nextId = 0
  const append = () => {
    if (!mayStart()) return
    open += 1
    const message = encodeAppend(0, { ref: 0, expectedOffset: undefined, batches })
    new DataView(message.buffer).setUint32(ID_POSITION, nextId++)
    socket.send(message)
  }
  await new Promise<void>((resolve, reject) => {
    const receive = (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return
      for (const { kind, content } of decodeSessionEntries(data)) {
        if (kind !== SESSION_ENTRY.appended) reject(new Error(Buffer.from(content).toString()))
        open -= 1
        append()
      }
      if (open > 0) return
      socket.off('message', receive)
      resolve()
    }
    socket.on('message', receive)
    for (let index = 0; index < inFlight; index++) append()
  })
}

function echoMark(socket: WebSocket, text: string): void {
  const { op, mark } = JSON.parse(text) as { readonly op: string; readonly mark?: number }
  if (op === 'mark') socket.send(JSON.stringify({ op: 'consumed', mark }))
}
