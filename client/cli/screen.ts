/** Shows one text in the place of another: on a terminal over it, elsewhere after it. */
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

  /** What is larger than the terminal would scroll the top out of sight, or wrap until it does. */
  #fit(text: string): string {
    const { rows, columns } = this.#stream
    const lines = text.split('\n').map((line) => cut(line, columns))
    const room = rows - 2
    if (room < 1 || lines.length <= room) return lines.join('\n')
    const more = cut(`... ${lines.length - room} more lines`, columns)
    return [...lines.slice(0, room), more].join('\n')
  }
}

/** A terminal that does not know how large it is says 0. */
function cut(line: string, columns: number): string {
  return columns > 0 && line.length > columns ? [...line].slice(0, columns).join('') : line
}
