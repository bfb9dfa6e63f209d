/** The text that `edgelog sql` reads: statements that end with `;`, and commands of the prompt. */

/** Texts that may contain a `;`: strings, quoted names and comments, with or without an end. */
const PART = /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g

/** Cuts complete statements, each with its `;`, from the beginning of a text. */
export function takeStatements(text: string): {
  readonly statements: readonly string[]
  readonly rest: string
} {
  const statements: string[] = []
  let from = 0
  for (const { 0: part, index } of text.matchAll(PART)) {
    if (part !== ';') continue
    statements.push(text.slice(from, index + 1).trim())
    from = index + 1
  }
  return { statements: statements.filter((one) => one !== ';'), rest: text.slice(from) }
}

/** Returns whether a text has nothing but spaces and comments. */
export function isBlank(text: string): boolean {
  return text.replaceAll(PART, (part) => (/^(--|\/\*)/.test(part) ? '' : part)).trim() === ''
}

export const OUTPUT_FORMATS = ['table', 'json', 'csv'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** A command of the prompt, which the server does not see. */
export type PromptCommand =
  | { readonly kind: 'exit' | 'help' | 'history' }
  | { readonly kind: 'output'; readonly format?: OutputFormat }
  | { readonly kind: 'server'; readonly url?: string }
  | { readonly kind: 'spool'; readonly path?: string }
  | { readonly kind: 'run-script'; readonly path: string }

const COMMAND =
  /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(exit|quit|help|history|output|server|spool|run\s+script)(?:\s+(.*?))?\s*;?\s*$/is

/**
 * Returns the command that a text is; undefined for statements.
 *
 * @throws {Error} for a command with a wrong argument
 */
export function parseCommand(text: string): PromptCommand | undefined {
  const match = COMMAND.exec(text)
  if (match === null) return undefined
  const name = (match[1] as string).toLowerCase().replace(/\s+/, ' ')
  const argument = unquoted(match[2] ?? '')
  switch (name) {
    case 'output':
      return argument === '' ? { kind: 'output' } : { kind: 'output', format: formatOf(argument) }
    case 'server':
      return argument === '' ? { kind: 'server' } : { kind: 'server', url: argument }
    case 'spool':
      if (argument === '') throw new Error('spool: the name of a file or off is allowed')
      return argument.toLowerCase() === 'off'
        ? { kind: 'spool' }
        : { kind: 'spool', path: argument }
    case 'run script':
      if (argument === '') throw new Error("run script: the name of a file is needed: 'FILE'")
      return { kind: 'run-script', path: argument }
    default:
      if (argument !== '') throw new Error(`${name}: has no arguments, got ${argument}`)
      return { kind: name === 'quit' ? 'exit' : (name as 'exit' | 'help' | 'history') }
  }
}

function unquoted(text: string): string {
  return /^(['"]).*\1$/.test(text) ? text.slice(1, -1) : text
}

function formatOf(text: string): OutputFormat {
  // ksqlDB's word for a table.
  const name = text.toLowerCase() === 'tabular' ? 'table' : text.toLowerCase()
  const format = OUTPUT_FORMATS.find((one) => one === name)
  if (format !== undefined) return format
  throw new Error(`output: ${OUTPUT_FORMATS.join(', ')} are allowed, got ${text}`)
}
