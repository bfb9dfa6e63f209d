/** WebSockets to the server, in all runtimes. */
import { TAIL_PARTS_SUBPROTOCOL, TAIL_SUBPROTOCOL } from '../../src/core/log/tail-protocol.ts'
import type { Connection } from './connection.ts'

/** The part of a WebSocket that the client uses, and all runtimes agree on. */
export interface ClientSocket {
  binaryType: string
  /** Subprotocol chosen by the server, once the socket is open. */
  readonly protocol: string
  send(message: string | Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  addEventListener(type: 'open' | 'error', listener: () => void): void
  addEventListener(type: 'close', listener: (event: CloseReason) => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
}

export interface CloseReason {
  readonly code: number
  readonly reason: string
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => ClientSocket

/**
 * Opens a socket to a path of the server, with the client's token.
 *
 * @throws {Error} the constructor's error.
 */
export function openSocket(
  { url, token }: Connection,
  WebSocket: WebSocketConstructor,
  path: string,
  subprotocols: readonly string[],
): ClientSocket {
  const protocols = [...subprotocols]
  // A browser cannot set headers on a WebSocket.
  if (token !== undefined) protocols.push(`edgelog.bearer.${base64Url(token)}`)
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, protocols)
  socket.binaryType = 'arraybuffer'
  return socket
}

/**
 * Opens a socket to the live tail.
 *
 * @throws {Error} the constructor's error.
 */
export function openTailSocket(
  connection: Connection,
  WebSocket: WebSocketConstructor,
): ClientSocket {
  return openSocket(connection, WebSocket, '/v1/tail', [TAIL_PARTS_SUBPROTOCOL, TAIL_SUBPROTOCOL])
}

function base64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
