/** `edgelog sql` with statements from the command line and from files, against the real server. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedServerUrl } from '../server/shared-server.ts'
import { edgelog, ended, start, watch } from './edgelog-command.ts'

const url = sharedServerUrl()
const NAME = `CLI_${crypto.randomUUID().slice(0, 8).toUpperCase()}`
const TABLE = `${NAME}_VISITS`
let folder = ''

const sql = (...args: readonly string[]) => edgelog(url, ['sql', ...args])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-sql-'))
  const script = `
    -- the clicks of a page; and who made them
    CREATE STREAM ${NAME} (user STRING KEY, page STRING, big BIGINT)
      WITH (KAFKA_TOPIC='${NAME}', VALUE_FORMAT='JSON', PARTITIONS=1);
    SET 'auto.offset.reset' = 'earliest';
    CREATE TABLE ${TABLE} AS SELECT page, COUNT(*) AS n FROM ${NAME} GROUP BY page;
    INSERT INTO ${NAME} (user, page, big) VALUES ('ann', '/', 9007199254740993);
    INSERT INTO ${NAME} (user, page) VALUES ('日本', 'a,"b"');`
  await writeFile(join(folder, 'script.sql'), script)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('edgelog sql', () => {
  test('runs the statements of a file, and reads tables and streams in each format', async () => {
    const created = await sql('-f', join(folder, 'script.sql'))
    expect(created).toMatchObject({ code: 0, stderr: '' })
    expect(created.stdout.split('\n')).toEqual([
      'Stream created',
      'auto.offset.reset = earliest',
      expect.stringMatching(/^Created query with ID CTAS_/),
      `inserted into ${NAME}-0 at 0`,
      `inserted into ${NAME}-0 at 1`,
      '',
    ])
    const select = `SELECT * FROM ${NAME};`
    expect((await sql('-e', select)).stdout.split('\n')).toEqual([
      'USER  PAGE                BIG',
      'ann   /      9007199254740993',
      '日本  a,"b"              null',
      '',
    ])
    expect((await sql('-e', select, '--output', 'csv')).stdout.split('\n')).toEqual([
      'USER,PAGE,BIG',
      'ann,/,9007199254740993',
      '日本,"a,""b""",',
      '',
    ])
    expect((await sql('-e', select, '--output', 'json')).stdout.split('\n')).toEqual([
      '{"USER":"ann","PAGE":"/","BIG":9007199254740993}',
      '{"USER":"日本","PAGE":"a,\\"b\\"","BIG":null}',
      '',
    ])
    const counted = await sql('-e', `SELECT * FROM ${TABLE} WHERE page = '/';`)
    expect(counted.stdout).toBe('PAGE  N\n/     1\n')
    const limited = `SELECT page FROM ${NAME} EMIT CHANGES LIMIT 1;`
    const live = await sql('--set', 'auto.offset.reset=earliest', '-e', limited)
    expect(live.stdout).toBe('PAGE\n/\n')
  })

  test('shows sources, queries and functions as tables', async () => {
    const list = await sql('-e', 'SHOW STREAMS; SHOW TABLES; SHOW TOPICS; SHOW QUERIES;')
    expect(list.stdout).toMatch(new RegExp(`^${NAME} +${NAME} +KAFKA +JSON +-$`, 'm'))
    expect(list.stdout).toMatch(new RegExp(`^${TABLE} +${TABLE} +KAFKA +JSON +-$`, 'm'))
    expect(list.stdout).toMatch(new RegExp(`^${NAME} +1$`, 'm'))
    const query = new RegExp(`^(CTAS_${TABLE}_\\d+) +running +${TABLE} +${NAME} +CREATE TABLE`, 'm')
    expect(list.stdout).toMatch(query)
    const [, id] = query.exec(list.stdout) ?? []
    const described = await sql('-e', `DESCRIBE ${NAME} EXTENDED; EXPLAIN ${id};`)
    expect(described.stdout).toContain(
      `${NAME}: STREAM, topic ${NAME}, 1 partition, key KAFKA, value JSON\n` +
        'COLUMN  TYPE    PART\nUSER    STRING  key\nPAGE    STRING  value\nBIG     BIGINT  value\n' +
        `read by: ${id}\nwritten by: nothing\n`,
    )
    expect(described.stdout).toMatch(/^TASK +STATUS +RECORDS +LAG +STATE BYTES$/m)
    const functions = await sql('-e', 'DESCRIBE FUNCTION len; SHOW FUNCTIONS;')
    expect(functions.stdout).toMatch(/^LEN \(SCALAR\)\n.*\nLEN\(STRING\) -> INTEGER\n/)
    expect(functions.stdout).toMatch(/^FUNCTION +TYPE$/m)
    const json = await sql('--output', 'json', '-e', 'SHOW VARIABLES;')
    expect(JSON.parse(json.stdout)).toEqual({
      ...{ kind: 'variables', statement: 'SHOW VARIABLES;', variables: [] },
    })
    expect((await sql('--output', 'csv', '-e', 'SHOW VARIABLES;')).stdout).toBe('VARIABLE,VALUE\n')
    expect((await sql('-e', 'SHOW VARIABLES;')).stdout).toBe('no variables\n')
  })

  test('keeps variables and properties for the statements behind them, and for scripts', async () => {
    const path = join(folder, 'nested.sql')
    await writeFile(path, `SELECT \${column} FROM \${name};\noutput csv;`)
    const run = await sql(
      ...['--define', `name=${NAME}`, '-e'],
      `DEFINE column = 'page'; /* ; */ RUN SCRIPT '${path}'; SELECT big FROM \${name} LIMIT 1;`,
    )
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toBe('COLUMN = page\nPAGE\n/\na,"b"\nBIG\n9007199254740993\n')
    const own = join(folder, 'own.sql')
    await writeFile(own, `RUN SCRIPT '${own}';`)
    expect(await sql('-f', own)).toMatchObject({
      code: 1,
      stderr: 'edgelog: run script: at most 10 scripts within one another\n',
    })
    const spool = join(folder, 'spooled.txt')
    await sql('-e', `spool '${spool}'; SELECT big FROM ${NAME} LIMIT 1; spool off; SHOW VARIABLES;`)
    expect(await readFile(spool, 'utf8')).toBe('             BIG\n9007199254740993\n')
  })

  test('reads statements from standard input', async () => {
    const piped = await edgelog(url, ['sql'], `SELECT page FROM ${NAME} LIMIT 1`)
    expect(piped).toMatchObject({ code: 0, stdout: 'PAGE\n/\n' })
    const dash = await edgelog(url, ['sql', '-f', '-'], `SELECT page FROM ${NAME} LIMIT 1;`)
    expect(dash).toMatchObject({ code: 0, stdout: 'PAGE\n/\n' })
  })

  test('marks the place of an error, and runs no statement behind it', async () => {
    const refused = await sql(
      '-e',
      `SHOW VARIABLES;\nSELECT page,\n  SUBSTRIN(page, 1) FROM ${NAME}; SHOW VARIABLES;`,
    )
    expect(refused.code).toBe(1)
    expect(refused.stdout).toBe('no variables\n')
    expect(refused.stderr.split('\n')).toEqual([
      expect.stringMatching(/SUBSTRIN.*Did you mean SUBSTRING\? \(invalid_statement\)$/),
      `    SUBSTRIN(page, 1) FROM ${NAME};`,
      '    ^^^^^^^^',
      '',
    ])
  })

  test('fails with exit code 1 without a server, and 2 for wrong usage', async () => {
    const failed = await edgelog('http://127.0.0.1:9', ['sql', '-e', 'SHOW VARIABLES;'])
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('(unavailable)') })
    expect(await sql('--output', 'xml')).toMatchObject({ code: 2 })
    expect(await sql('--define', 'name')).toMatchObject({ code: 2 })
    expect(await sql('-e', 'SHOW VARIABLES;', '-f', 'x')).toMatchObject({ code: 2 })
    const missing = await sql('-f', join(folder, 'missing.sql'))
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') })
  })

  test('prints the rows of a live query until Ctrl-C, which is no failure', async () => {
    const statements = `SELECT page FROM ${NAME} EMIT CHANGES; SHOW VARIABLES;`
    const args = ['sql', '--set', 'auto.offset.reset=earliest', '-e', statements]
    const child = start(url, args)
    const { printed, text } = watch(child)
    const end = ended(child)
    await printed('a,"b"')
    await sql('-e', `INSERT INTO ${NAME} (user, page) VALUES ('bob', '/later');`)
    await printed('/later')
    child.kill('SIGINT')
    expect(await end).toMatchObject({ code: 0, stderr: '' })
    expect(text()).toBe('PAGE\n/\na,"b"\n/later\n')
  })
})

test('"streams describe" shows how many expressions of a query failed', async () => {
  const script = `
    CREATE STREAM ${NAME}_N (k STRING KEY, n INT)
      WITH (KAFKA_TOPIC='${NAME}_N', VALUE_FORMAT='JSON', PARTITIONS=1);
    SET 'auto.offset.reset' = 'earliest';
    CREATE STREAM ${NAME}_Q AS SELECT k, 10 / n AS q FROM ${NAME}_N;
    INSERT INTO ${NAME}_N VALUES ('a', 0);
    INSERT INTO ${NAME}_N VALUES ('b', 0);
    INSERT INTO ${NAME}_N VALUES ('c', 5);`
  const { stdout } = await sql('-e', script)
  const [, query] = /ID (CSAS_\w+)/.exec(stdout) as RegExpExecArray
  const described = () => edgelog(url, ['streams', 'describe', `sql-${query}`])
  await expect
    .poll(async () => (await described()).stdout, { timeout: 120_000, interval: 500 })
    .toMatch(/^task 0_0: 2 failed expressions, the last one: .*zero/im)
})
