/** A Kafka client on raw bytes, which can also send invalid requests. */
import { connect, type Socket } from 'node:net'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { readResponseHeader, writeRequestHeader } from '../../../src/core/kafka/request-header.ts'
import {
  type Messages,
  type ReadResponseOf,
  readResponse,
  type WrittenRequestOf,
  writeRequest,
} from '../../../src/core/kafka/schema.ts'

const SIZE_BYTES = 4

export class RawConnection {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #wake = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake()
    })
    // A reset counts as a closed connection; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RawConnection(socket)))
    })
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Returns the next response without its size; null if the connection was closed. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      const has = this.#received.length
      if (has >= SIZE_BYTES && has >= SIZE_BYTES + this.#received.readInt32BE(0)) break
      if (this.#isClosed) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const end = SIZE_BYTES + this.#received.readInt32BE(0)
    const frame = this.#received.subarray(SIZE_BYTES, end)
    this.#received = this.#received.subarray(end)
    return frame
  }

  /** Sends a request and reads its response; null if the connection was closed. */
  async ask<M extends Messages>(
    messages: M,
    version: number,
    request: WrittenRequestOf<M>,
  ): Promise<ReadResponseOf<M> | null> {
    this.send(requestFrame(messages, version, request))
    const frame = await this.next()
    return frame && readPage(messages, version, frame)
  }

  close(): void {
    this.socket.destroy()
  }
}

export function requestFrame<M extends Messages>(
  messages: M,
  apiVersion: number,
  request: WrittenRequestOf<M>,
  correlationId = 1,
): Buffer {
  const writer = new ByteWriter()
  writeRequestHeader(writer, messages, { apiVersion, correlationId, clientId: 'raw' })
  writeRequest(messages, apiVersion, request, writer)
  return framed(writer.toBytes())
}

export function readPage<M extends Messages>(
  messages: M,
  version: number,
  frame: Uint8Array,
): ReadResponseOf<M> {
  const reader = new ByteReader(frame)
  readResponseHeader(reader, messages, version)
  return readResponse(messages, version, reader)
}

/** Returns the frame of `body`: its size, then its bytes. */
export function framed(body: Uint8Array): Buffer {
  const size = Buffer.alloc(SIZE_BYTES)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}
