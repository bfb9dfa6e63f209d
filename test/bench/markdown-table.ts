/** Formats and writes the tables of docs/BENCHMARKS.md. */
import { readFile, writeFile } from 'node:fs/promises'

export type Row = readonly [figure: string, measured: string, ratio: string, target: string]

export function tableOfRows(rows: readonly Row[], footer: string): string {
  return `${markdownTable(['figure', 'measured', 'ratio', 'target'], rows)}\n\n${footer}`
}

export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [header, header.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Writes a table between `<!-- mark -->` and `<!-- /mark -->`. */
export async function writeTable(table: string, mark = 'bench'): Promise<void> {
  const path = 'docs/BENCHMARKS.md'
  const begin = `<!-- ${mark} -->`
  const end = `<!-- /${mark} -->`
  const text = await readFile(path, 'utf8')
  const [before] = text.split(begin)
  const [, after] = text.split(end)
  await writeFile(path, `${before}${begin}\n${table}\n${end}${after}`)
}
