/** The sending loop of the kill harness's pages. Runs in the page, without access to outer variables. */

declare global {
  interface Window {
    /** Reports ids from the page in the order of the calls; survives the page. */
    reportQueued(ids: string[]): Promise<void>
  }
}

export interface Sending {
  readonly topic: string
  readonly partitions: number
  readonly sender: string
  readonly firstNumber: number
  /** Records sent without waiting for one another. */
  readonly burstMax: number
  readonly pauseMsMax: number
}

/** Starts the sending loop; returns at once. */
export function sendOnAndOn(sending: Sending): void {
  const { topic, partitions, sender, burstMax, pauseMsMax } = sending
  let number = sending.firstNumber

  async function sendOne(): Promise<void> {
    const value = `${sender}#${number}`
    const partition = number % partitions
    number += 1
    await window.log.send(topic, { value, partition })
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
