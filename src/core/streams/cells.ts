/** The numbers that belong to the state of nodes. They are stored with each turn that changes them. */
import type { Cell } from './operator.ts'
import type { SubTopology } from './split.ts'

export interface StoredCell extends Cell {
  readonly initial: number
  /** The value as of the last turn that stored it. */
  committed: number | undefined
  /** True if the initial value depends on when the task started, so that it is stored too. */
  readonly storesInitial: boolean
}

export class Cells {
  readonly #stored: ReadonlyMap<string, number>
  readonly #cells = new Map<string, StoredCell>()

  /** @param stored The values as of the last turn. */
  constructor(stored: ReadonlyMap<string, number>) {
    this.#stored = stored
  }

  /** Makes a cell. */
  add(name: string, initial: number, storesInitial = false): StoredCell {
    const stored = this.#stored.get(name)
    const cell = { value: stored ?? initial, initial, committed: stored, storesInitial }
    this.#cells.set(name, cell)
    return cell
  }

  /** Returns the values that changed since the last commit. */
  commit(): Map<string, number> {
    const changed = new Map<string, number>()
    for (const [name, cell] of this.#cells) {
      const before = cell.committed ?? (cell.storesInitial ? undefined : cell.initial)
      if (cell.value === before) continue
      changed.set(name, cell.value)
      cell.committed = cell.value
    }
    return changed
  }

  rollBack(): void {
    for (const cell of this.#cells.values()) cell.value = cell.committed ?? cell.initial
  }
}

/** Returns the name of the cell that counts the records of a node. */
export function recordsCell(node: string): string {
  return `${node}/records`
}

/** Returns how many records each node has processed, by its name, from the cells that a turn stored. */
export function recordsByNode(
  { nodes }: SubTopology,
  cells: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(nodes.map(({ name }) => [name, cells[recordsCell(name)] ?? 0]))
}
