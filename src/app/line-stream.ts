/** A response that goes on: lines of text that are made as the reader takes them. */
import { PING_INTERVAL_MS } from '../core/limits.ts'

const encoder = new TextEncoder()

/**
 * Returns a stream of texts. While none comes, `ping` is sent every 15 s, so that networks keep the connection.
 *
 * @param leave Called when the reader leaves before the end.
 */
export function lineStream(
  texts: AsyncGenerator<string, void>,
  ping: string,
  leave: () => void,
): ReadableStream<Uint8Array> {
  let next: Promise<IteratorResult<string, void>> | undefined
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      next ??= texts.next()
      let timer: ReturnType<typeof setTimeout> | undefined
      const silence = new Promise<'silence'>((resolve) => {
        timer = setTimeout(() => resolve('silence'), PING_INTERVAL_MS)
      })
      const result = await Promise.race([next, silence])
      clearTimeout(timer)
      if (result === 'silence') {
        controller.enqueue(encoder.encode(ping))
        return
      }
      next = undefined
      if (result.done === true) controller.close()
      else controller.enqueue(encoder.encode(result.value))
    },
    async cancel() {
      leave()
      next?.catch(() => {})
      await texts.return()
    },
  })
}
