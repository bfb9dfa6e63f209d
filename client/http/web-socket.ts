/** WebSockets to the server, in all runtimes. */
import type { Connection } from './connection.ts'

/** The part of a WebSocket that the client uses, and all runtimes agree on. */
export interface ClientSocket {
  binaryType: string
  /** Subprotocol chosen by the server, once the socket is open. */
  readonly protocol: string
  send(message: string | Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
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

function base64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
