/** docs/GUARANTEES.md names the test of each promise: those files exist, and have tests with those titles. */
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

const text = await readFile('docs/GUARANTEES.md', 'utf8')
const NAMED = /`(?:test\/)?([\w/.-]+\.test\.ts)`(?:: ((?:"[^"]+"(?:,? and |, )?)+))?/g

const named = [...text.matchAll(NAMED)].map(([, path = '', titles = '']) => ({
  path,
  titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
}))

describe('GUARANTEES.md', () => {
  test('names tests', () => {
    expect(named.length).toBeGreaterThan(30)
  })

  test.each(named)('names tests of $path that exist', async ({ path, titles }) => {
    const source = await readFile(`test/${path}`, 'utf8')
    for (const title of titles) {
      // Numbers in titles come from constants, and so do the values of test.each.
      const parts = title.split(/\d+|%\w|\$\w+/).filter((part) => part.trim() !== '')
      for (const part of parts)
        expect(source, title).toContain(part.replaceAll("'", "\\'").replaceAll("\\'", "'"))
    }
  })
})
