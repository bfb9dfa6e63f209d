/** A load of Produce frames over TCP, at minimal cost to the caller, like `HttpLoad` for HTTP. */
import { connect, type Socket } from 'node:net'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { readResponseHeader, writeRequestHeader } from '../../../src/core/kafka/request-header.ts'
import { readResponse, writeRequest } from '../../../src/core/kafka/schema.ts'
import { PRODUCE } from '../../../src/kafka/apis/produce.ts'

const VERSION = 9

/** Returns a request frame, including its size, that appends `batch` to partition 0. */
export function produceFrame(topic: string, batch: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
  writer.int32(0)
  writeRequestHeader(writer, PRODUCE, { apiVersion: VERSION, correlationId: 1, clientId: 'bench' })
  const topics = [{ name: topic, topicId: '', partitions: [{ index: 0, records: batch }] }]
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topics }
  writeRequest(PRODUCE, VERSION, request, writer)
  writer.patchInt32(0, writer.position - 4)
  return writer.toBytes()
}

/** A connection that sends one frame at a time. */
class Connection {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #settle: ((answer: Buffer) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (part) => {
      this.#received = this.#received.length === 0 ? part : Buffer.concat([this.#received, part])
      if (this.#received.length < 4 || this.#received.length < 4 + this.#received.readInt32BE())
        return
      const answer = this.#received
      this.#received = Buffer.alloc(0)
      this.#settle?.(answer)
    })
  }

  /** Sends a frame and waits for the response. @throws for an error in the response. */
  async send(frame: Uint8Array): Promise<void> {
    const answer = await new Promise<Buffer>((resolve) => {
      this.#settle = resolve
      this.#socket.write(frame)
    })
    const reader = new ByteReader(answer.subarray(4))
    readResponseHeader(reader, PRODUCE, VERSION)
    const errorCode = readResponse(PRODUCE, VERSION, reader).topics[0]?.partitions[0]?.errorCode
    if (errorCode !== 0) throw new Error(`produce failed with error ${errorCode}`)
  }

  close(): void {
    this.#socket.destroy()
  }
}

export class KafkaLoad {
  readonly #connections: readonly Connection[]

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections
  }

  static async open(port: number, count: number): Promise<KafkaLoad> {
    const connections = Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1')
      await new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject))
      return new Connection(socket)
    })
    return new KafkaLoad(await Promise.all(connections))
  }

  /** Sends `count` frames, one at a time over each connection. @returns frames per second. */
  async rate(count: number, frame: Uint8Array): Promise<number> {
    let started = 0
    const startedAtMs = performance.now()
    await Promise.all(
      this.#connections.map(async (connection) => {
        while (started < count) {
          started += 1
          await connection.send(frame)
        }
      }),
    )
    return count / ((performance.now() - startedAtMs) / 1_000)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }
}
