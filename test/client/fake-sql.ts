/** A server of `POST /v1/sql` behind `fetch`: it writes the responses that a test gives. */

export interface SqlBody {
  readonly sql: string
  readonly parameters?: Record<string, unknown>
  readonly properties?: Record<string, string>
  readonly variables?: Record<string, string>
}

export class FakeSql {
  readonly bodies: SqlBody[] = []
  /** Number of bodies that were cancelled by the client. */
  cancelled = 0
  respond: (body: SqlBody) => Response = () => Response.json({ results: [] })

  readonly fetch = async (_url: string, init: RequestInit = {}): Promise<Response> => {
    const body = JSON.parse(String(init.body)) as SqlBody
    this.bodies.push(body)
    return this.respond(body)
  }

  /** Returns a response of lines. It goes on until it is cancelled if `isOpen`. */
  lines(lines: readonly (string | object)[], { isOpen = false, chunkBytes = 7 } = {}): Response {
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    const bytes = new TextEncoder().encode(text.map((line) => `${line}\n`).join(''))
    let at = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, at + chunkBytes))
          at += chunkBytes
        } else if (!isOpen) controller.close()
        else return new Promise(() => undefined)
      },
      cancel: () => {
        this.cancelled++
      },
    })
    return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
  }
}
