/** Replaces one text with another: overwrites it on a terminal, prints below it elsewhere. */
import type { WriteStream } from 'node:tty'

type ScreenStream = Pick<WriteStream, 'isTTY' | 'rows' | 'columns'> & {
  write(text: string): unknown
}

export class Screen {
  readonly #stream: ScreenStream
  #hasShown = false

  constructor(stream: ScreenStream) {
    this.#stream = stream
  }

  show(text: string): void {
    if (this.#stream.isTTY === true) this.#stream.write(`\u001b[H\u001b[2J${this.#fit(text)}\n`)
    else this.#stream.write(`${this.#hasShown ? '\n' : ''}${text}\n`)
    this.#hasShown = true
  }

  /** Cuts text that is larger than the terminal, which would scroll or wrap the top out of sight. */
  #fit(text: string): string {
    const { rows, columns } = this.#stream
    const lines = text.split('\n').map((line) => cut(line, columns))
    const room = rows - 2
    if (room < 1 || lines.length <= room) return lines.join('\n')
    const more = cut(`... ${lines.length - room} more lines`, columns)
    return [...lines.slice(0, room), more].join('\n')
  }
}

/** Cuts a line to the terminal's width, which is 0 if unknown. */
function cut(line: string, columns: number): string {
  return columns > 0 && line.length > columns ? [...line].slice(0, columns).join('') : line
}
