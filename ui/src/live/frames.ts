/** What travels on the socket. Unknown types and fields are allowed everywhere: readers skip what they do not know. */

export interface EventFrame {
  readonly seq: number;
  readonly id?: string;
  readonly type: string;
  readonly session_id: string;
  readonly run_id: string | null;
  readonly step: string | null;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Tokens as they come. `offset` counts Unicode code points, not UTF-16 units. */
export interface DeltaFrame {
  readonly type: "message_delta";
  readonly session_id: string;
  readonly message_id: string;
  readonly offset: number;
  readonly text: string;
  readonly run_id?: string | null;
  readonly agent?: string | null;
}

/** The server follows this log for us from now on; texts in progress come again from their start. */
export interface SyncFrame {
  readonly type: "sync";
  readonly session_id: string;
  /** The last event that is there already. */
  readonly through_seq?: number;
}

export type SessionFrame = EventFrame | DeltaFrame | SyncFrame;

/** Something changed in the caller's list of sessions. A hint: it may be lost, doubled or late. */
export interface ListHint {
  readonly type: string;
  readonly session_id?: string;
  readonly [field: string]: unknown;
}

export function isEvent(frame: SessionFrame): frame is EventFrame {
  return "seq" in frame;
}

type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** Return the frame as an event, or null when it is something else. */
export function readEvent(value: unknown): EventFrame | null {
  const frame = asFields(value);
  const { seq, type, session_id, run_id, step, timestamp, data } = frame;
  if (typeof seq !== "number" || typeof type !== "string" || typeof session_id !== "string") return null;
  if (!("data" in frame)) return null;
  return {
    seq,
    type,
    session_id,
    run_id: typeof run_id === "string" ? run_id : null,
    step: typeof step === "string" ? step : null,
    timestamp: typeof timestamp === "string" ? timestamp : "",
    data: asFields(data),
  };
}

export function readDelta(value: unknown): DeltaFrame | null {
  const { type, session_id, message_id, offset, text, run_id, agent } = asFields(value);
  if (type !== "message_delta" || typeof session_id !== "string" || typeof message_id !== "string") return null;
  if (typeof offset !== "number" || typeof text !== "string") return null;
  return {
    type,
    session_id,
    message_id,
    offset,
    text,
    run_id: typeof run_id === "string" ? run_id : null,
    agent: typeof agent === "string" ? agent : null,
  };
}
