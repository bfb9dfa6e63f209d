/** The stores of one task as they are in the database: every tab reads them, whichever runs the task. */
import { CHECKPOINT_BYTES } from '../../../src/core/streams/limits.ts'
import type { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import { TaskStores } from '../../../src/core/streams/stores/task-stores.ts'
import type { InputPosition } from '../../../src/core/streams/task-api.ts'
import type { TaskInput } from '../../../src/core/streams/task-inputs.ts'
import { decodeTurn, type TaskHeader } from '../../../src/core/streams/turn-row.ts'
import type { TaskPlace } from '../../streams/runner/topology-plan.ts'
import { checkSize, type TaskStorage } from './task-storage.ts'

interface Loaded {
  readonly leaves: MemoryLeaves
  readonly stores: TaskStores
  header: TaskHeader | undefined
  /** Bytes of the turns that the leaves do not have. */
  bytes: number
}

export class StoreReplica {
  readonly place: TaskPlace
  readonly #storage: TaskStorage
  readonly #plan: string
  readonly #inputs: readonly TaskInput[]
  #loaded: Loaded | undefined
  #reading: Promise<Loaded | undefined> | undefined

  /** @param plan the stored plan: under another one the state is another. */
  constructor(storage: TaskStorage, place: TaskPlace, plan: string, inputs: readonly TaskInput[]) {
    this.#storage = storage
    this.place = place
    this.#plan = plan
    this.#inputs = inputs
  }

  /** Returns the stores as of the last stored turn; undefined if the topology has begun anew. */
  async read() {
    // Calls that come meanwhile need a read of their own: theirs may demand a later turn.
    const before = this.#reading
    const reading = (async () => {
      await before?.catch(() => undefined)
      return await this.#refresh()
    })()
    this.#reading = reading
    const loaded = await reading
    return loaded && { stores: loaded.stores, positions: this.#positions(loaded.header) }
  }

  /** Returns what the last stored turn says; undefined if there is none. */
  async header(): Promise<TaskHeader | undefined> {
    await this.read()
    return this.#loaded?.header
  }

  async #refresh(): Promise<Loaded | undefined> {
    const turn = this.#loaded?.header?.turn ?? 0
    const { plan, last, turns } = await this.#storage.turnsBehind(this.place.name, turn)
    if (plan !== this.#plan) return undefined
    const decoded = turns.map(decodeTurn)
    const loaded = this.#loaded
    const follows = last >= turn && (decoded[0]?.header.turn ?? turn + 1) === turn + 1
    // Turns that were written to the leaves are gone.
    if (loaded === undefined || !follows) return await this.#load()
    for (const [index, { header, state }] of decoded.entries()) {
      loaded.stores.apply(state)
      loaded.header = header
      loaded.bytes += (turns[index] as Uint8Array).length
    }
    if (loaded.bytes >= CHECKPOINT_BYTES) {
      loaded.leaves.write(loaded.stores.checkpoint())
      loaded.stores.evict()
      loaded.bytes = 0
      checkSize(this.place.name, loaded.leaves)
    }
    return loaded
  }

  async #load(): Promise<Loaded> {
    const { leaves, turns } = await this.#storage.load(this.place.name)
    const stores = new TaskStores(this.place.sub.stores, leaves)
    const decoded = turns.map(decodeTurn)
    const header = decoded.at(-1)?.header
    for (const turn of decoded) {
      if (turn.header.turn > (header?.checkpointTurn ?? 0)) stores.apply(turn.state)
    }
    this.#loaded = { leaves, stores, header, bytes: 0 }
    return this.#loaded
  }

  #positions(header: TaskHeader | undefined): InputPosition[] {
    return this.#inputs.map(({ node, topic, partition, startOffset }) => {
      const offset = header?.positions[`${node}/${topic}/${partition}`] ?? startOffset
      return { topic, partition, offset, endOffset: offset }
    })
  }
}
