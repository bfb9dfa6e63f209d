/** The log as answers that wait until there is something: for networks that let no stream through. */
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { TAIL_ENTRY_FRAME, TAIL_ENTRY_NOTICE } from '../../../src/core/log/tail-protocol.ts'
import { takeFrame, takeNotice } from '../../consumer/tail-messages.ts'
import type { Connection } from '../../http/connection.ts'
import { type BodyReader, openFetch } from './fetch-transport.ts'
import type { Transport, TransportListener } from './transport.ts'

const ENTRY_HEADER_BYTES = 5

/** One answer; it ends in order. */
export function openLongPoll(
  connection: Connection,
  listener: TransportListener,
  waitMs: number,
): Transport {
  const accept = 'application/vnd.edgelog.tail'
  return openFetch(connection, listener, { accept, waitMs, newReader: readEntries })
}

/** `kind uint8 | length uint32 | bytes`, one behind the other. */
function readEntries(listener: TransportListener): BodyReader {
  let rest: Uint8Array = new Uint8Array()
  return async (bytes) => {
    rest = concatenate([rest, bytes])
    while (rest.length >= ENTRY_HEADER_BYTES) {
      const view = new DataView(rest.buffer, rest.byteOffset)
      const end = ENTRY_HEADER_BYTES + view.getUint32(1)
      if (rest.length < end) return
      const kind = view.getUint8(0)
      const entry = rest.subarray(ENTRY_HEADER_BYTES, end)
      rest = rest.subarray(end)
      if (kind === TAIL_ENTRY_FRAME) await takeFrame(entry, listener)
      // Other kinds may come one day.
      else if (kind === TAIL_ENTRY_NOTICE) takeNotice(new TextDecoder().decode(entry), listener)
    }
  }
}
