/** Where the cached partitions end, told to all who wait for it: in this tab and in the others. */
import type { Channel, MessageOf } from '../tabs/channel.ts'

export type News = MessageOf<'news'>

export class CacheNews {
  readonly #channel: Channel
  readonly #listeners = new Set<(news: News) => void>()

  constructor(channel: Channel) {
    this.#channel = channel
    channel.listen('news', (news) => this.#hear(news))
  }

  tell(news: News): void {
    this.#channel.post(news)
    this.#hear(news)
  }

  /** Returns what ends it. */
  listen(listener: (news: News) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #hear(news: News): void {
    // A copy, as who hears may listen anew.
    for (const listener of [...this.#listeners]) listener(news)
  }
}
