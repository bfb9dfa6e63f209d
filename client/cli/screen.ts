/** Shows one text in the place of another: on a terminal over it, elsewhere after it. */
import type { WriteStream } from 'node:tty'

export class Screen {
  readonly #stream: WriteStream
  #hasShown = false

  constructor(stream: WriteStream) {
    this.#stream = stream
  }

  show(text: string): void {
    if (this.#stream.isTTY === true) this.#stream.write(`\u001b[H\u001b[2J${this.#fit(text)}\n`)
    else this.#stream.write(`${this.#hasShown ? '\n' : ''}${text}\n`)
    this.#hasShown = true
  }

  /** What is longer than the terminal is high would scroll the top out of sight. */
  #fit(text: string): string {
    const lines = text.split('\n')
    const room = this.#stream.rows - 2
    // A terminal that does not know how high it is says 0.
    if (room < 1 || lines.length <= room) return text
    return [...lines.slice(0, room), `... ${lines.length - room} more lines`].join('\n')
  }
}
