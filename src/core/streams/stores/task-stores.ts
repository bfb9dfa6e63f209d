/** All stores of a task: they commit, roll back and are stored together. */
import { assert } from '../../errors.ts'
import { STATE_CACHED_BYTES_MAX, TURN_BYTES_MAX } from '../limits.ts'
import { KeyValueStore, timestamped, type ValueAndTimestamp } from './key-value-store.ts'
import type { Checkpoint, LeafSource } from './leaf-source.ts'
import { LeafTree, type StateChange } from './leaf-tree.ts'
import { SessionStore } from './session-store.ts'
import type { StoreOf, StoreSpec } from './store-spec.ts'
import { WindowStore } from './window-store.ts'

/** The changes of a turn. */
export interface StateChanges {
  readonly changes: readonly StateChange[]
  readonly drops: ReadonlyArray<{ readonly store: string; readonly belowSegment: number }>
}

interface OpenStore {
  readonly tree: LeafTree<ValueAndTimestamp>
  readonly store: KeyValueStore | WindowStore | SessionStore
}

export class TaskStores {
  readonly #stores = new Map<string, OpenStore>()

  constructor(specs: readonly StoreSpec[], source: LeafSource) {
    for (const spec of specs) {
      const tree = new LeafTree(spec.name, timestamped(spec.value), source)
      this.#stores.set(spec.name, { tree, store: openStore(spec, tree) })
    }
  }

  get<Spec extends StoreSpec>(name: string): StoreOf<Spec> {
    const found = this.#stores.get(name)
    assert(found !== undefined, `store ${name} belongs to this sub-topology`)
    return found.store as StoreOf<Spec>
  }

  /**
   * Returns the changes since the last commit, and makes them permanent in memory.
   *
   * @throws what a serde throws; `message_too_large` for changes of more than one turn may have. Then nothing is
   * committed, and the caller rolls back.
   */
  commit(): StateChanges {
    const changes: StateChange[] = []
    const drops: { store: string; belowSegment: number }[] = []
    let bytesLeft = TURN_BYTES_MAX
    for (const { tree } of this.#stores.values()) bytesLeft -= tree.prepare(bytesLeft)
    for (const [store, { tree }] of this.#stores) {
      const committed = tree.commit()
      for (const change of committed.changes) changes.push(change)
      const { droppedBelow: belowSegment } = committed
      if (belowSegment !== undefined) drops.push({ store, belowSegment })
    }
    return { changes, drops }
  }

  rollBack(): void {
    for (const { tree } of this.#stores.values()) tree.rollBack()
  }

  /** Applies the changes of a stored turn that follows the last checkpoint, but those of stores that are gone. */
  apply({ changes, drops }: StateChanges): void {
    for (const change of changes) this.#stores.get(change.store)?.tree.apply(change)
    for (const { store, belowSegment } of drops) {
      this.#stores.get(store)?.tree.applyDrop(belowSegment)
    }
  }

  /** Returns the leaves to store in the commit of the last turn. */
  checkpoint(): Checkpoint {
    const all = [...this.#stores.values()].map(({ tree }) => tree.checkpoint())
    return { leaves: all.flatMap((one) => one.leaves), drops: all.flatMap((one) => one.drops) }
  }

  /** Forgets leaves beyond the limit of memory. Call it after a checkpoint. */
  evict(): void {
    const share = STATE_CACHED_BYTES_MAX / this.#stores.size
    for (const { tree } of this.#stores.values()) tree.evict(share)
  }
}

function openStore(spec: StoreSpec, tree: LeafTree<ValueAndTimestamp>): OpenStore['store'] {
  if (spec.kind === 'key-value') return new KeyValueStore(tree, spec.key)
  return spec.kind === 'window' ? new WindowStore(tree, spec) : new SessionStore(tree, spec)
}
