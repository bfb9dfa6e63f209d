import { expect, test } from 'vitest'
import { readLines } from '../../client/cli/lines.ts'

async function* chunksOf(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  // One buffer for all chunks, as a stream may reuse it.
  const shared = Buffer.alloc(64)
  for (const text of texts) {
    shared.fill('?')
    yield shared.subarray(0, shared.write(text))
  }
}

async function linesOf(texts: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  for await (const group of readLines(chunksOf(texts))) {
    for (const line of group) lines.push(Buffer.from(line).toString())
  }
  return lines
}

test('readLines() splits at LF and CRLF, across chunks that share their memory', async () => {
  expect(await linesOf(['one\ntwo\r\nth', 'ree', '\n\nfour\r', '\nfive'])).toEqual([
    'one',
    'two',
    'three',
    '',
    'four',
    'five',
  ])
  expect(await linesOf([])).toEqual([])
})
