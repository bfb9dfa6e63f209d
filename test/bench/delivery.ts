/** Measures how much later than the append's own response a waiting reader receives the record. */
import { decodeTailFrame } from '../../src/core/log/tail-protocol.ts'
import type { ServerProcess } from '../server/server-process.ts'
import { HttpLoad, median } from './http-load.ts'
import { BATCH, batchOf, createTopic } from './throughput.ts'

const APPENDS = 400
/** Bytes of a message before its frame. */
const ID_BYTES = 4

export interface DeliveryFigures {
  readonly roundTripMs: number
  readonly appendMs: number
  readonly longPollMs: number
  readonly webSocketMs: number
}

export async function measureDelivery(
  ours: ServerProcess,
  floor: ServerProcess,
): Promise<DeliveryFigures> {
  const load = new HttpLoad(ours.url)
  await load.call(createTopic('delivery'))
  const path = '/v1/topics/delivery/partitions/0/records'
  const body = batchOf(200)
  const append = () => load.call({ method: 'POST', path, body, headers: { 'Content-Type': BATCH } })
  const longPoll = (offset: number) =>
    load.call({
      method: 'GET',
      path: `${path}?offset=${offset}&waitMs=5000`,
      headers: { Accept: BATCH },
    })
  const timed = async (work: () => Promise<unknown>) => {
    const startedAtMs = performance.now()
    await work()
    return performance.now() - startedAtMs
  }
  const floorLoad = new HttpLoad(floor.url)
  const tail = await openTail(ours.url)
  const times = {
    roundTrip: [] as number[],
    append: [] as number[],
    longPoll: [] as number[],
    webSocket: [] as number[],
  }
  let offset = 0
  for (let i = 0; i < APPENDS; i++) {
    times.roundTrip.push(await timed(() => floorLoad.call({ method: 'POST', path: '/noop', body })))
    times.append.push(await timed(append))
    offset += 1
    const polled = longPoll(offset)
    await new Promise((resolve) => setTimeout(resolve, 2))
    times.longPoll.push(await timed(async () => await Promise.all([append(), polled])))
    offset += 1
    const pushed = tail.next(offset + 1)
    times.webSocket.push(await timed(async () => await Promise.all([append(), pushed])))
    offset += 1
  }
  tail.close()
  return {
    roundTripMs: median(times.roundTrip),
    appendMs: median(times.append),
    longPollMs: median(times.longPoll),
    webSocketMs: median(times.webSocket),
  }
}

async function openTail(url: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/tail`)
  socket.binaryType = 'arraybuffer'
  let receivedTo = 0
  let wake = () => {}
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') return
    const message = new Uint8Array(data as ArrayBuffer)
    receivedTo = decodeTailFrame(message, ID_BYTES).to
    socket.send(JSON.stringify({ op: 'credit', id: 0, bytes: data.byteLength }))
    wake()
  })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  socket.send(
    JSON.stringify({
      op: 'subscribe',
      id: 0,
      topic: 'delivery',
      partition: 0,
      offset: 'latest',
      creditBytes: 1_000_000,
    }),
  )
  return {
    /** Resolves when the tail has received the log up to `offset`. */
    next: (offset: number) =>
      new Promise<void>((resolve) => {
        wake = () => {
          if (receivedTo >= offset) resolve()
        }
        wake()
      }),
    close: () => socket.close(),
  }
}
