/** The parts of the proxy that work on bare connections. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Fault, slowed } from './faults.ts'

/** Passes some bytes of a response, and cuts the connection. */
export function cutIn(
  resultOf: IncomingMessage,
  result: ServerResponse,
  socket: Socket,
  afterBytes: number | undefined,
): void {
  const length = Number(resultOf.headers['content-length'] ?? 2)
  let left = afterBytes ?? Math.floor(length / 2)
  const cutNow = () => result.write('', () => socket.destroy())
  resultOf.on('data', (chunk: Buffer) => {
    if (left > 0) result.write(chunk.subarray(0, left))
    left -= chunk.length
    if (left <= 0) cutNow()
  })
  resultOf.on('end', () => socket.destroy())
}

/** Returns the head of a response as sent over the wire. */
export function headOf(resultOf: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${resultOf.statusCode} ${resultOf.statusMessage}`]
  for (let i = 0; i < resultOf.rawHeaders.length; i += 2) {
    lines.push(`${resultOf.rawHeaders[i]}: ${resultOf.rawHeaders[i + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Connects both ends of a WebSocket after the handshake, until it emits `mute`. */
export function tunnel(
  socket: Duplex,
  head: Buffer,
  upstream: Duplex,
  upstreamHead: Buffer,
  fault: Fault,
): void {
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
  upstream.write(head)
  if (fault.kind === 'slowLine') {
    upstream.unshift(upstreamHead)
    const [toServer, toPage] = [fault.line.way('toServer'), fault.line.way('toPage')]
    socket.pipe(toServer).pipe(upstream)
    upstream.pipe(toPage).pipe(socket)
    socket.on('close', () => [toServer, toPage].map((way) => way.destroy()))
    return
  }
  socket.pipe(upstream)
  if (fault.kind === 'buffer') {
    upstream.resume()
    return
  }
  let left = fault.kind === 'cutReply' ? (fault.afterBytes ?? 0) : Number.POSITIVE_INFINITY
  upstream.unshift(upstreamHead)
  if (fault.kind === 'slow') {
    upstream.pipe(slowed(fault.bytesPerSecond)).pipe(socket)
    return
  }
  let isMute = false
  socket.once('mute', () => {
    isMute = true
  })
  upstream.on('data', (chunk: Buffer) => {
    if (isMute) return
    socket.write(chunk.subarray(0, Math.min(left, chunk.length)))
    left -= chunk.length
    if (left <= 0) socket.end(() => socket.destroy())
  })
}
