/** Events of the conversation: messages, tokens as they come, what is printed, tools that are called. */

import { authorOf } from "@/lib/authors";
import { asFields, type DeltaFrame, type EventFrame } from "./frames";
import { MAX_LINES, MAX_TOOLS, type MessageEntry, type SessionState, type ToolEntry } from "./session-state";
import { codePoints, count, list, text, upsert } from "./values";

/** So that not each new line moves all others. */
const SPARE_LINES = 1_000;

export function applyDelta(state: SessionState, delta: DeltaFrame): SessionState {
  if (state.messages.some((message) => message.messageId === delta.message_id)) return state;
  const known = state.open.find((message) => message.messageId === delta.message_id);
  const before = known?.length ?? 0;
  if (delta.offset > before) return state; // a hole: the server sends the text so far first, so this is never shown
  const kept =
    known === undefined || delta.offset === 0
      ? ""
      : delta.offset === before
        ? known.text
        : [...known.text].slice(0, delta.offset).join("");
  const message = {
    messageId: delta.message_id,
    agent: delta.agent ?? known?.agent ?? null,
    text: kept + delta.text,
    length: delta.offset + codePoints(delta.text),
  };
  return { ...state, open: upsert(state.open, message, (entry) => entry.messageId) };
}

export function withMessage(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  const messageId = text(data["message_id"]);
  if (messageId === null) return state;
  const message: MessageEntry = {
    messageId,
    position: count(data["position"]) ?? state.messages.length + 1,
    role: text(data["role"]) ?? "assistant",
    agent: text(data["agent"]),
    author: authorOf(data["author"]),
    content: text(data["content"]) ?? "",
    at: event.timestamp,
  };
  const messages = upsert(state.messages, message, (entry) => entry.messageId);
  const last = messages.at(-2);
  if (last && last.position > message.position) messages.sort((a, b) => a.position - b.position);
  return { ...state, messages, open: state.open.filter((entry) => entry.messageId !== messageId) };
}

export function withLines(state: SessionState, event: EventFrame): SessionState {
  if (state.lines.length > 0 && (state.lines.at(-1)?.seq ?? 0) >= event.seq) return state;
  const stream = text(event.data["stream"]) ?? "log";
  const added = list(event.data["lines"]).map((line, index) => ({
    id: `${event.seq}.${index}`,
    seq: event.seq,
    at: event.timestamp,
    stream,
    text: text(line) ?? JSON.stringify(line),
    stepId: event.step,
  }));
  const lines = [...state.lines, ...added];
  if (lines.length <= MAX_LINES + SPARE_LINES) return { ...state, lines };
  const from = lines.at(-MAX_LINES - 1)?.seq ?? 0;
  const kept = lines.filter((line) => line.seq > from); // the lines of one event stay together
  if (kept.length === 0) return { ...state, lines: lines.slice(-MAX_LINES) }; // unless it alone has too many
  return { ...state, lines: kept, linesFrom: Math.max(state.linesFrom, from) };
}

export function withToolCall(state: SessionState, event: EventFrame): SessionState {
  if (state.tools.some((known) => known.seq === event.seq)) return state;
  return withTool(state, {
    seq: event.seq,
    kind: "tool",
    callId: text(event.data["call_id"]) ?? String(event.seq),
    runId: event.run_id,
    stepId: event.step,
    tool: text(event.data["tool"]) ?? "tool",
    agent: text(event.data["agent"]),
    arguments: asFields(event.data["arguments"]),
    status: "running",
    result: null,
    durationMs: null,
    files: [],
    at: event.timestamp,
  });
}

/** A written file belongs to the call under way in its step; of several, to the one that names it. */
export function withFileOfTool(state: SessionState, event: EventFrame, path: string): SessionState {
  if (event.run_id === null) return state;
  const writes = (tool: ToolEntry) =>
    tool.status === "running" && tool.runId === event.run_id && tool.stepId === event.step;
  const names = (tool: ToolEntry) => JSON.stringify(tool.arguments).includes(path);
  const writer =
    state.tools.findLast((tool) => writes(tool) && names(tool)) ?? state.tools.findLast((tool) => writes(tool));
  if (!writer && !state.tools.some((tool) => tool.files.includes(path))) return state;
  const tools = state.tools.map((tool) => {
    if (tool === writer) return { ...tool, files: [...tool.files.filter((each) => each !== path), path] };
    return tool.files.includes(path) ? { ...tool, files: tool.files.filter((each) => each !== path) } : tool;
  });
  return { ...state, tools };
}

/** A result joins the newest call of its id in the same run; one without a call stands for itself. */
export function withToolResult(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  const callId = text(data["call_id"]);
  const index = state.tools.findLastIndex((tool) => tool.callId === callId && tool.runId === event.run_id);
  const known = index < 0 ? withToolCall(state, event).tools.at(-1) : state.tools[index];
  if (!known) return state;
  const ended: ToolEntry = {
    ...known,
    status: data["ok"] === false ? "failed" : "completed",
    result: text(data["result"]),
    durationMs: count(data["duration_ms"]),
  };
  return index < 0 ? withTool(state, ended) : { ...state, tools: state.tools.with(index, ended) };
}

export function withExecution(state: SessionState, event: EventFrame): SessionState {
  if (state.tools.some((known) => known.seq === event.seq)) return state;
  const { data } = event;
  const exit = count(data["exit_status"]);
  return withTool(state, {
    seq: event.seq,
    kind: "code",
    callId: String(event.seq),
    runId: event.run_id,
    stepId: event.step,
    tool: text(data["language"]) ?? "code",
    agent: text(data["isolation"]),
    arguments: { code: text(data["code"]) ?? "", exit_status: exit },
    status: exit === 0 ? "completed" : "failed",
    result: text(data["output"]),
    durationMs: count(data["duration_ms"]),
    files: [],
    at: event.timestamp,
  });
}

function withTool(state: SessionState, tool: ToolEntry): SessionState {
  return { ...state, tools: [...state.tools.slice(-MAX_TOOLS + 1), tool] };
}
