/** The prompt of `edgelog sql`: a terminal of streams, and a server that the test writes. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SqlCompletion } from '../../client/cli/sql/completion.ts'
import { historyPath, SqlHistory } from '../../client/cli/sql/history.ts'
import { isBlank, parseCommand, takeStatements } from '../../client/cli/sql/input.ts'
import { SqlOutput } from '../../client/cli/sql/output.ts'
import { SqlPrompt } from '../../client/cli/sql/prompt.ts'
import { SqlSession } from '../../client/cli/sql/session.ts'
import { connect } from '../../client/index.ts'
import { FakeSql } from '../client/fake-sql.ts'
import { until } from '../support/until.ts'

const HEADER = { queryId: 'query_1', columns: [{ name: 'PAGE', type: 'STRING', isKey: false }] }
const OLDER = 'SHOW PROPERTIES;'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-prompt-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

async function openPrompt() {
  const server = new FakeSql()
  const sources = (name: string) => [{ kind: 'sources', statement: '', sources: [{ name }] }]
  let respond = (_sql: string) => Response.json({ results: [{ kind: 'status', message: 'done' }] })
  server.respond = ({ sql }) => {
    if (sql === 'SHOW STREAMS;') return Response.json({ results: sources('CLICKS') })
    if (sql === 'SHOW TABLES;' || sql === 'SHOW TOPICS;') return Response.json({ results: [] })
    return respond(sql)
  }
  const path = join(folder, 'state', 'sql-history')
  const input = new PassThrough()
  let text = ''
  const write = (more: string, done?: () => void) => {
    text += more
    done?.()
  }
  const screen = new PassThrough()
  screen.on('data', (bytes) => write(String(bytes)))
  let errors = ''
  vi.spyOn(console, 'error').mockImplementation((line) => {
    errors += `${line}\n`
  })
  const client = (url: string) => connect({ url, fetch: server.fetch })
  const session = new SqlSession(
    client('http://log'),
    new SqlOutput({ isTTY: true, columns: 40, write }, 'table'),
    new Map(),
    new Map(),
  )
  const history = await SqlHistory.open(path)
  await history.add(OLDER)
  const completion = new SqlCompletion()
  const parts = { session, history, completion, connect: client, url: 'http://log' }
  const prompt = new SqlPrompt(parts, { input, output: screen, isTerminal: true })
  const ended = prompt.run()
  return {
    ...{ server, session, path, ended, completion },
    respondWith: (next: typeof respond) => {
      respond = next
    },
    type: (keys: string) => input.write(keys),
    end: () => input.end(),
    shows: (wanted: string) => until(`the prompt shows ${wanted}`, () => text.includes(wanted)),
    fails: (wanted: string) =>
      until(`the prompt fails with ${wanted}`, () => errors.includes(wanted)),
    text: () => text,
    sent: () =>
      server.bodies.map(({ sql }) => sql).filter((sql) => !/^SHOW (STR|TAB|TOP)/.test(sql)),
  }
}

describe('the prompt', () => {
  test('runs a statement of several lines, and keeps it as one line', async () => {
    const prompt = await openPrompt()
    prompt.type('INSERT INTO s -- a comment;\r')
    await prompt.shows('...> ')
    prompt.type("VALUES ('a;b');\r")
    await prompt.shows('done')
    expect(prompt.sent()).toEqual(["INSERT INTO s -- a comment;\nVALUES ('a;b');"])
    prompt.type('history\r')
    await prompt.shows("2  INSERT INTO s VALUES ('a;b');")
    prompt.type('\u001b[A\u001b[A\u001b[A\r')
    await until('the older statement is sent', () => prompt.sent().length === 2)
    prompt.type('exit\r')
    await prompt.ended
    expect(prompt.sent()[1]).toBe(OLDER)
    expect(await readFile(prompt.path, 'utf8')).toBe(
      `${OLDER}\nINSERT INTO s VALUES ('a;b');\n${OLDER}\n`,
    )
    expect((await stat(prompt.path)).mode & 0o777).toBe(0o600)
  })

  test('goes on after an error, whose place it marks', async () => {
    const prompt = await openPrompt()
    const details = { line: 1, column: 8 }
    prompt.respondWith(() => {
      const error = { code: 'invalid_request', message: 'x does not exist', details }
      return Response.json({ error }, { status: 400 })
    })
    prompt.type('SELECT xyz FROM s;\r')
    await prompt.fails('  SELECT xyz FROM s;\n         ^^^\n')
    prompt.respondWith(() => prompt.server.lines([HEADER, ['/'], { end: 'end' }]))
    prompt.type('SELECT page FROM s;\r')
    await prompt.shows('PAGE\n/\n1 row\n')
    prompt.type('output xml\r')
    await prompt.fails('output: table, json, csv are allowed, got xml')
    prompt.type('output json\routput\r')
    await prompt.shows('json\n')
    prompt.end()
    await prompt.ended
  })

  test('ends a live query by Ctrl-C, and then clears what is typed', async () => {
    const prompt = await openPrompt()
    prompt.respondWith(() => prompt.server.lines([HEADER, ['/live']], { isOpen: true }))
    prompt.type('SELECT page FROM s EMIT CHANGES;\r')
    await prompt.shows('/live')
    prompt.type('\u0003')
    await until('the query ends', () => prompt.server.cancelled === 1)
    prompt.type('SELECT unfinished\r')
    await prompt.shows('...> ')
    prompt.type('\u0003')
    await prompt.fails('^C')
    prompt.type('\u0003')
    await prompt.fails('exit or Ctrl-D')
    prompt.type('SHOW TYPES;\r')
    await until('the statement is sent', () => prompt.sent().length === 2)
    prompt.type('\u0004')
    await prompt.ended
    expect(prompt.sent()[1]).toBe('SHOW TYPES;')
  })

  test('sends what SET and DEFINE changed, also to another server', async () => {
    const prompt = await openPrompt()
    const change = { kind: 'session', statement: '', name: 'auto.offset.reset', value: 'earliest' }
    prompt.respondWith(() => Response.json({ results: [{ ...change, change: 'set' }] }))
    prompt.type("SET 'auto.offset.reset' = 'earliest';\r")
    await prompt.shows('auto.offset.reset = earliest')
    prompt.type('server\rserver http://other/\r')
    await prompt.shows('http://log\n')
    prompt.respondWith(() =>
      Response.json({ results: [{ ...change, change: 'define', name: 'A' }] }),
    )
    prompt.type("DEFINE a = 'earliest';\r")
    await prompt.shows('A = earliest')
    prompt.respondWith(() =>
      Response.json({ results: [{ kind: 'session', change: 'unset', name: 'auto.offset.reset' }] }),
    )
    prompt.type("UNSET 'auto.offset.reset';\r")
    await prompt.shows('unset auto.offset.reset')
    expect(prompt.server.bodies.at(-1)).toMatchObject({
      properties: { 'auto.offset.reset': 'earliest' },
      variables: { A: 'earliest' },
    })
    expect(prompt.session.properties.size).toBe(0)
    prompt.end()
    await prompt.ended
  })

  test('completes commands, keywords, functions and names of the server', async () => {
    const prompt = await openPrompt()
    const { completion } = prompt
    await until('names are known', () => completion.complete('from clic', false)[0].length > 0)
    expect(completion.complete('sel', true)).toEqual([['select '], 'sel'])
    expect(completion.complete('SELECT SUBSTR', true)).toEqual([['SUBSTRING('], 'SUBSTR'])
    expect(completion.complete('from clic', true)).toEqual([['clicks'], 'clic'])
    expect(completion.complete('FROM Cl', true)).toEqual([['CLICKS'], 'Cl'])
    expect(completion.complete('hist', true)[0]).toEqual(['history', 'histogram('])
    expect(completion.complete('hist', false)[0]).toEqual(['histogram('])
    expect(completion.complete('a ', true)).toEqual([[], ''])
    prompt.end()
    await prompt.ended
  })
})

describe('the input of the prompt', () => {
  test.each([
    ['SELECT 1; SELECT 2', ['SELECT 1;'], ' SELECT 2'],
    ['a \';\' "b;" `c;` -- d;\n/* e; */; f', ['a \';\' "b;" `c;` -- d;\n/* e; */;'], ' f'],
    ["it''s; 'it''s;", ["it''s;"], " 'it''s;"],
    [';;', [], ''],
    ['/* open ;', [], '/* open ;'],
  ])('cuts %j into statements', (text, statements, rest) => {
    expect(takeStatements(text)).toEqual({ statements, rest })
  })

  test('knows what is blank', () => {
    expect(isBlank(' \n-- a;\n/* b */')).toBe(true)
    expect(isBlank("-- a\n'")).toBe(false)
  })

  test.each([
    ['exit', { kind: 'exit' }],
    [' QUIT ;', { kind: 'exit' }],
    ['output TABULAR;', { kind: 'output', format: 'table' }],
    ["-- a\nRUN SCRIPT 'a b.sql';", { kind: 'run-script', path: 'a b.sql' }],
    ['spool off', { kind: 'spool' }],
    ['server', { kind: 'server' }],
    ['SHOW TYPES;', undefined],
    ['helping', undefined],
  ])('reads the command %j', (text, command) => {
    expect(parseCommand(text)).toEqual(command)
  })

  test.each(['exit now', 'spool', 'run script', 'output xml'])('rejects the command %j', (text) => {
    expect(() => parseCommand(text)).toThrow(/allowed|needed|no arguments/)
  })
})

describe('the history', () => {
  test('is in the folder for states', () => {
    expect(historyPath({ XDG_STATE_HOME: '/state' })).toBe('/state/edgelog/sql-history')
    expect(historyPath({})).toMatch(/\.local\/state\/edgelog\/sql-history$/)
  })

  test('keeps the latest 1,000 statements, and leaves out long and repeated ones', async () => {
    const path = join(folder, 'history')
    await writeFile(path, Array.from({ length: 2_001 }, (_, index) => `${index};\n`).join(''))
    const history = await SqlHistory.open(path)
    expect(history.statements).toHaveLength(1_000)
    expect(history.statements[0]).toBe('1001;')
    await history.add('x'.repeat(10_001))
    await history.add('new;')
    await history.add('new;')
    const lines = (await readFile(path, 'utf8')).split('\n')
    expect([lines.length, lines[0], ...lines.slice(-3)]).toEqual([
      1_002,
      '1001;',
      '2000;',
      'new;',
      '',
    ])
    expect((await SqlHistory.open(path)).statements.at(-1)).toBe('new;')
  })
})
