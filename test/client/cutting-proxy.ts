/** A TCP proxy that cuts connections after random numbers of bytes, in the middle of whatever they carry. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../server/free-port.ts'

export class CuttingProxy {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Largest number of bytes, in one direction, before a cut; undefined: no cuts. */
  cutBytesMax: number | undefined
  /** Number of connections that were cut. */
  cuts = 0

  private constructor(port: number, targetUrl: string, random: () => number) {
    this.url = `http://127.0.0.1:${port}`
    const { hostname, port: targetPort } = new URL(targetUrl)
    this.#server = createServer((client) => {
      const server = connect(Number(targetPort), hostname)
      this.#join(client, server, random)
      this.#join(server, client, random)
    })
  }

  static async start(targetUrl: string, random: () => number): Promise<CuttingProxy> {
    const port = await freePort()
    const proxy = new CuttingProxy(port, targetUrl, random)
    await new Promise<void>((resolve) => proxy.#server.listen(port, '127.0.0.1', resolve))
    return proxy
  }

  /** Forwards the bytes of one direction. */
  #join(from: Socket, to: Socket, random: () => number): void {
    const { cutBytesMax } = this
    let left = cutBytesMax === undefined ? Number.POSITIVE_INFINITY : random() * cutBytesMax
    this.#sockets.add(from)
    from.on('data', (bytes) => {
      left -= bytes.length
      if (left >= 0) {
        to.write(bytes)
        return
      }
      this.cuts += 1
      to.write(bytes.subarray(0, bytes.length + left), () => to.destroy())
      from.destroy()
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
