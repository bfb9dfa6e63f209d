/** Checks that each frame of an export file fits behind those before it, and sums them up. Pure. */
import {
  type ExportFrame,
  nextChecksum,
  type RecordsFrame,
  type TopicFrame,
} from './export-format.ts'

export class ExportState {
  isAll: boolean | undefined
  isComplete = false
  /** The last topic; records belong to it. */
  topic: TopicFrame | undefined
  /** How far each partition of the last topic is exported. */
  positions: number[] = []
  /** The ids of all topics by name. */
  readonly topicIds = new Map<string, string>()
  framesCount = 0
  /** The checksum of all frames. */
  checksum = 0

  /** Adds the next frame. Returns what is wrong with it; undefined if it fits. */
  add(frame: ExportFrame, crc: number): string | undefined {
    const fault = this.isComplete ? 'data follows the end' : this.#add(frame)
    if (fault !== undefined) return fault
    this.framesCount += 1
    this.checksum = nextChecksum(this.checksum, crc)
    return undefined
  }

  /** Returns whether all records of the last topic are exported. */
  get isTopicDone(): boolean {
    return (this.topic?.ranges ?? []).every(({ to }, partition) => this.positions[partition] === to)
  }

  #add(frame: ExportFrame): string | undefined {
    if ((this.isAll === undefined) !== (frame.type === 'start')) return 'a frame is out of place'
    switch (frame.type) {
      case 'start':
        this.isAll = frame.isAll
        return undefined
      case 'topic':
        return this.#addTopic(frame)
      case 'records':
        return this.#addRecords(frame)
      case 'group':
        return undefined
      case 'end':
        return this.#end(frame.framesCount, frame.checksum)
    }
  }

  #addTopic(topic: TopicFrame): string | undefined {
    if (!this.isTopicDone) return `records of topic ${this.topic?.name} are missing`
    if (this.topicIds.has(topic.name)) return `topic ${topic.name} is there twice`
    this.topic = topic
    this.positions = topic.ranges.map(({ from }) => from)
    this.topicIds.set(topic.name, topic.topicId)
    return undefined
  }

  #addRecords({ partition, from, to }: RecordsFrame): string | undefined {
    const end = this.topic?.ranges[partition]?.to
    const position = this.positions[partition]
    if (end === undefined || from !== position || to < from || to > end) {
      const where = `${this.topic?.name ?? 'no topic'}, partition ${partition}`
      return `${where}: offsets ${from} to ${to} do not follow ${position}`
    }
    this.positions[partition] = to
    return undefined
  }

  #end(framesCount: number, checksum: number): string | undefined {
    if (!this.isTopicDone) return `records of topic ${this.topic?.name} are missing`
    const isWhole = framesCount === this.framesCount && checksum === this.checksum
    if (!isWhole) return 'the checksum of all frames does not match'
    this.isComplete = true
    return undefined
  }
}
