/** The response of a query: its rows, as the reader takes them. */
import type { AppContext } from '../app/env.ts'
import { lineStream } from '../app/line-stream.ts'
import type { ResultRows } from '../broker/sql/result-rows.ts'
import { errorBody } from './errors.ts'
import type { Framing, RowsEnd } from './framing.ts'

/**
 * @param leave Called when the reader leaves.
 * @param onEnd Called when there are no more rows, for whatever reason.
 */
export function rowsResponse(
  c: AppContext,
  result: ResultRows,
  { framing, mediaType }: { readonly framing: Framing; readonly mediaType: string },
  leave: () => void,
  onEnd: () => void,
): Response {
  const elements = elementsOf(c, result, framing, onEnd)
  const hasFinal = framing.end(result, 'end') !== undefined
  const texts = framing.isArray ? arrayTexts(elements, hasFinal) : lineTexts(elements)
  return new Response(lineStream(texts, framing.ping, leave), {
    headers: { 'Content-Type': mediaType },
  })
}

/** Elements that are sent together; `isLast` is known only of those behind the rows. */
interface Elements {
  readonly texts: readonly string[]
  readonly isLast: boolean
}

async function* elementsOf(
  c: AppContext,
  result: ResultRows,
  framing: Framing,
  onEnd: () => void,
): AsyncGenerator<Elements, void> {
  const write = framing.rowWriter(result)
  try {
    yield { texts: [framing.head(result)], isLast: false }
    let end: RowsEnd | undefined
    while (end === undefined) {
      const next = await result.rows.next()
      if (next.done === true) end = next.value
      else yield { texts: next.value.flatMap((row) => write(row) ?? []), isLast: false }
    }
    const last = framing.end(result, end)
    yield { texts: last === undefined ? [] : [last], isLast: true }
  } catch (error) {
    // The response has begun, so an error can only be its last element.
    yield { texts: [framing.error(errorBody(error, c))], isLast: true }
  } finally {
    onEnd()
    await result.rows.return('end')
  }
}

async function* lineTexts(elements: AsyncGenerator<Elements, void>): AsyncGenerator<string, void> {
  for await (const { texts } of elements) {
    if (texts.length > 0) yield `${texts.join('\n')}\n`
  }
}

/**
 * Returns an array with an element a line. Readers cut it at the ends of lines, so the comma ends a line if an element
 * is sure to follow. Otherwise the next element brings it.
 */
async function* arrayTexts(
  elements: AsyncGenerator<Elements, void>,
  hasFinal: boolean,
): AsyncGenerator<string, void> {
  let before = '['
  for await (const { texts, isLast } of elements) {
    const joined = texts.join(',\n')
    const after = isLast ? ']\n' : hasFinal ? ',\n' : ''
    if (texts.length > 0) yield `${before}${joined}${after}`
    else if (isLast) yield ']\n'
    if (texts.length > 0) before = hasFinal ? '' : ',\n'
  }
}
