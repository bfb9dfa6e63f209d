/** The response to a call of a session, made from the parts in which it arrives. */
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { decodeHeadAndBody } from '../../src/core/log/session-protocol.ts'

/** Bytes of the number before the head. */
const LENGTH_BYTES = 4
/** The statuses of responses without a body. */
const EMPTY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304])

export class CallResponse {
  /** Resolves when the head has arrived; the body follows part by part. */
  readonly response: Promise<Response>
  /** Resolves when nothing more of the response arrives: it is complete, or has failed. */
  readonly over: Promise<void>
  #end: () => void = () => undefined
  #resolve: (response: Response) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  /** The parts of a head that is not complete. */
  #parts: Uint8Array[] = []
  #body: ReadableStreamDefaultController<Uint8Array> | undefined
  #isOver = false

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** @throws {DecodeError} if the parts are no response; {SyntaxError} if the head is no JSON. */
  take(part: Uint8Array, isLast: boolean): void {
    if (isLast) this.#end()
    if (this.#isOver) return
    if (this.#body === undefined) this.#takeHead(part, isLast)
    else if (part.length > 0) this.#body.enqueue(part)
    if (!isLast) return
    this.#isOver = true
    this.#body?.close()
  }

  /** Responds with an error for a call that the server did not make. */
  refuse(status: number, text: string): void {
    this.#end()
    if (this.#isOver) return
    this.#isOver = true
    this.#resolve(new Response(text, { status }))
  }

  /** Ends the response for its reader; the parts that still arrive are ignored. */
  abandon(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reject(reason)
    this.#body?.error(reason)
  }

  /** Ends the response, because nothing more of it arrives. */
  fail(error: unknown): void {
    this.abandon(error)
    this.#end()
  }

  #takeHead(part: Uint8Array, isLast: boolean): void {
    this.#parts.push(part)
    const bytes = concatenate(this.#parts)
    if (!isLast && !hasHead(bytes)) return
    const { head, body } = decodeHeadAndBody(bytes)
    const { status, headers } = parseHead(head)
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller
      },
      // The reader wants no more.
      cancel: () => {
        this.#isOver = true
      },
    })
    if (body.length > 0) this.#body?.enqueue(body)
    this.#parts = []
    const content = EMPTY_STATUSES.has(status) ? null : (stream as BodyInit)
    this.#resolve(new Response(content, { status, headers }))
  }
}

function hasHead(bytes: Uint8Array): boolean {
  if (bytes.length < LENGTH_BYTES) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return bytes.length >= LENGTH_BYTES + view.getUint32(0)
}

/** @throws {DecodeError} without a status and headers. */
function parseHead(text: string): { status: number; headers: Record<string, string> } {
  const { status, headers } = { ...JSON.parse(text) } as Record<string, unknown>
  const isStatus = Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599
  const isHead = isStatus && typeof headers === 'object' && headers !== null
  if (!isHead) throw new DecodeError(0, `a response with the head ${text.slice(0, 200)}`)
  return { status: Number(status), headers: headers as Record<string, string> }
}
