/** What the pages of the kill harness do until they die. Runs in the page: nothing from outside is seen. */

declare global {
  interface Window {
    /** Leaves the page in the order of the calls, and outlives it. */
    reportQueued(ids: string[]): Promise<void>
  }
}

export interface Sending {
  readonly topic: string
  readonly partitions: number
  readonly sender: string
  readonly firstNumber: number
  /** Records that are sent without waiting for one another. */
  readonly burstMax: number
  readonly pauseMsMax: number
}

/** Returns at once, and goes on sending. */
export function sendOnAndOn(sending: Sending): void {
  const { topic, partitions, sender, burstMax, pauseMsMax } = sending
  const producer = window.log.producer()
  let number = sending.firstNumber

  async function sendOne(): Promise<void> {
    const value = `${sender}#${number}`
    const partition = number % partitions
    number += 1
    await producer.send(topic, { value, partition })
    void window.reportQueued([value])
  }

  async function run(): Promise<void> {
    for (;;) {
      const burst = 1 + Math.floor(Math.random() * burstMax)
      await Promise.all(Array.from({ length: burst }, sendOne))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMsMax))
    }
  }
  void run()
}
