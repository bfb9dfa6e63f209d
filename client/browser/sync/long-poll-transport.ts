/** The log as long polls: responses that wait until there are records, for networks that block streams. */
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { TAIL_ENTRY_FRAME, TAIL_ENTRY_NOTICE } from '../../../src/core/log/tail-protocol.ts'
import { takeFrame, takeNotice } from '../../consumer/tail-messages.ts'
import type { Connection } from '../../http/connection.ts'
import { type BodyReader, openFetch } from './fetch-transport.ts'
import type { Transport, TransportListener } from './transport.ts'

const ENTRY_HEADER_BYTES = 5

/** Opens one long poll; it ends normally. */
export function openLongPoll(
  connection: Connection,
  listener: TransportListener,
  waitMs: number,
): Transport {
  const accept = 'application/vnd.edgelog.tail'
  return openFetch(connection, listener, { accept, waitMs, newReader: readEntries })
}

/** Reads entries: `kind uint8 | length uint32 | bytes`, repeated. */
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
      // Unknown kinds are skipped, so that later ones can be added.
      else if (kind === TAIL_ENTRY_NOTICE) takeNotice(new TextDecoder().decode(entry), listener)
    }
  }
}
