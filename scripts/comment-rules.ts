/** Checks the rules for comments that a program can check; CONTRIBUTING.md has all rules. */
import type { SourceFile } from './import-rules.ts'

const COMMENT_COLUMNS_MAX = 120
/** Matches doc comments that do not begin with a verb or with the noun that they document. */
const FRAGMENT = /\/\*\*(?:\s|\*(?!\/))*(Of|Who|What|Whoever|Nobody|The same|For who|So that)\b/g
const COMMENT_LINE = /^\s*(?:\/\*\*?|\*|\/\/)/

/** Returns one line for each comment that breaks a rule. */
export function commentFaults(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => [
    ...[...text.matchAll(FRAGMENT)].map(({ index, 1: word }) => {
      const line = text.slice(0, index).split('\n').length
      return `${path}:${line} a doc comment begins with "${word}": begin with a verb or a noun`
    }),
    ...text
      .split('\n')
      .flatMap((line, index) =>
        COMMENT_LINE.test(line) && line.length > COMMENT_COLUMNS_MAX
          ? [
              `${path}:${index + 1} a comment has ${line.length} columns: at most ${COMMENT_COLUMNS_MAX}`,
            ]
          : [],
      ),
  ])
}
