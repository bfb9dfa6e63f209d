/**
 * The points of each player in each minute. The same topology runs in a page (`leaderboard.js`) and in a Worker
 * (`worker.js`): each passes its own `edgelog/streams`.
 */
export const NAME = 'leaderboard'
export const TOPIC = 'plays'
export const WINDOW_MS = 60_000

export function leaderboard({ int64, json, text, timeWindows, topology }) {
  return topology(
    NAME,
    (builder) => {
      builder
        .stream(TOPIC, { key: text, value: json() })
        .groupByKey()
        .windowedBy(timeWindows({ sizeMs: WINDOW_MS, graceMs: WINDOW_MS }))
        .aggregate(
          () => 0,
          (_, { points }, sum) => sum + points,
          { name: 'points', value: int64 },
        )
    },
    // Anyone may write anything to the topic.
    { onError: 'skip' },
  )
}
