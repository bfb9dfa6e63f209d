/** Measures the network's share of a catch-up: receives the same tail and stores nothing. */
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { decodeTailFrame, TAIL_ID_BYTES } from '../../../src/core/log/tail-protocol.ts'

/** The maximum credit that the server accepts. */
const CREDIT_BYTES = 8 * 1024 * 1024

/** Resolves when partition 0 of the topic has been received up to its current end. */
export function discardTail(url: string, topic: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/tail`, ['edgelog.tail.v1'])
    const send = (message: object) => socket.send(JSON.stringify(message))
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      send({ op: 'subscribe', id: 0, topic, partition: 0, offset: 0, creditBytes: CREDIT_BYTES })
    }
    socket.onclose = ({ code }) => reject(new Error(`the tail was closed: ${code}`))
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') return
      const { batches, highWatermark } = decodeTailFrame(new Uint8Array(data), TAIL_ID_BYTES)
      const last = readBatchHeaders(batches).at(-1)
      send({ op: 'credit', id: 0, bytes: batches.length })
      if (last === undefined || last.baseOffset + last.lastOffsetDelta + 1 < highWatermark) return
      socket.onclose = null
      socket.close()
      resolve()
    }
  })
}
