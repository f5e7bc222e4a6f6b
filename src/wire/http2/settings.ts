/** The SETTINGS of both sides (RFC 9113, section 6.5). */
import { httpLimits } from "../http.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { type Frame, frameBytesMax, settingsFrame } from "./frames.ts";

const settingId = { enablePush: 2, concurrentStreams: 3, initialWindow: 4, frameSize: 5, headerListSize: 6 } as const;

const entryBytes = 6;
/** Of any window (section 6.9.1). */
export const windowMax = 0x7fff_ffff;
/** What every window begins with until somebody says otherwise. */
export const firstWindow = 65_535;
const frameSizeMax = 0xff_ffff;

/** What this side says when a connection begins. */
export const ownSettings = settingsFrame([
  [settingId.concurrentStreams, httpLimits.concurrentStreams],
  [settingId.initialWindow, httpLimits.streamWindowBytes],
  [settingId.headerListSize, httpLimits.headerBytes],
]);

/**
 * The initial window of streams after a frame of settings, all that matters here of what a client says of itself. The
 * last of several values counts.
 *
 * @throws ConnectionError for a value that no setting may have.
 */
export function initialWindowAfter({ bytes, start, end }: Frame, before: number): number {
  if ((end - start) % entryBytes !== 0)
    throw new ConnectionError(
      errorCode.frameSize,
      `expected settings of ${entryBytes} bytes each, found a part of one`,
    );
  let initialWindow = before;
  for (let at = start; at < end; at += entryBytes) {
    const id = bytes.readUInt16BE(at);
    const value = bytes.readUInt32BE(at + 2);
    if (id === settingId.enablePush && value > 1)
      throw new ConnectionError(errorCode.protocol, `expected ENABLE_PUSH to be 0 or 1, found ${value}`);
    if (id === settingId.initialWindow) {
      if (value > windowMax)
        throw new ConnectionError(errorCode.flowControl, `expected an initial window below 2^31, found ${value}`);
      initialWindow = value;
    }
    if (id === settingId.frameSize && (value < frameBytesMax || value > frameSizeMax))
      throw new ConnectionError(errorCode.protocol, `expected a frame size of 16384 to 16777215, found ${value}`);
  }
  return initialWindow;
}
