/** State × frame → state. Pure: the same log gives the same page, live or years later, once or repeated. */

import { asFields, isEvent, type DeltaFrame, type EventFrame, type SessionFrame } from "./frames";
import {
  MAX_LINES,
  type ApprovalEntry,
  type FileEntry,
  type MessageEntry,
  type PlannedEntry,
  type RunEntry,
  type SessionState,
  type StepEntry,
  type StepStatus,
} from "./session-state";

export function reduceAll(state: SessionState, frames: readonly SessionFrame[]): SessionState {
  return frames.reduce(reduce, state);
}

export function reduce(state: SessionState, frame: SessionFrame): SessionState {
  if (!isEvent(frame)) return frame.type === "sync" ? { ...state, open: [] } : applyDelta(state, frame);
  if (frame.seq <= state.seq) return state;
  const next = applyEvent(state, frame);
  return { ...next, seq: frame.seq, lastEventAt: frame.timestamp };
}

function applyDelta(state: SessionState, delta: DeltaFrame): SessionState {
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

function applyEvent(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  switch (event.type) {
    case "workflow_started":
      return withRun({ ...state, open: [] }, event, {
        status: "running",
        task: text(data["task"]) ?? "",
        attempt: count(data["attempt"]) ?? 1,
        model: text(data["model"]),
        startedAt: event.timestamp,
        endedAt: null,
        error: null,
        failedStep: null,
      });
    case "workflow_resumed":
      return withRun(state, event, { status: "running", error: null, failedStep: null, endedAt: null });
    case "workflow_paused":
      return withRun({ ...state, open: [] }, event, { status: "paused" });
    case "workflow_complete":
      return withRun({ ...state, open: [] }, event, { status: "completed", endedAt: event.timestamp });
    case "workflow_failed":
      return withRun({ ...state, open: [] }, event, {
        status: "failed",
        endedAt: event.timestamp,
        error: errorText(data["error"]),
        failedStep: text(data["failed_step"]),
        resumable: data["resumable"] === true,
      });
    case "workflow_cancelled":
      return withRun({ ...state, open: [] }, event, { status: "cancelled", endedAt: event.timestamp });
    case "phase_change":
      return {
        ...state,
        facts: {
          ...withVersion(state, data),
          phase: text(data["phase"]),
          stepNumber: count(data["step_number"]),
        },
      };
    case "step_started":
      return withStep(state, event, "running", { startedAt: event.timestamp, durationMs: null, error: null });
    case "step_completed":
      return {
        ...withStep(state, event, "completed", {
          summary: text(data["summary"]),
          durationMs: count(data["duration_ms"]),
        }),
        savedAt: event.timestamp,
      };
    case "step_failed":
      return withStep(state, event, "failed", { error: errorText(data["error"]) });
    case "step_skipped":
      return withStep(state, event, "skipped", { summary: text(data["reason"]) });
    case "agent_message":
      return withMessage(state, event);
    case "console":
      return withLines(state, event);
    case "file_update":
      return withFile(state, event);
    case "cost_update":
      return withCost(state, event);
    case "approval_request":
      return withRun(withRequest(state, event), event, { status: "waiting" });
    case "approval_resolved":
      return withRun(withResolution(state, event), event, { status: "running" });
    case "session_update":
      return withFacts(state, event);
    case "error":
      return withNotice(state, event, text(data["code"]) ?? "error", text(data["message"]) ?? "");
    case "budget_warning":
    case "budget_exceeded":
      return withNotice(state, event, event.type, `${text(data["limit"])}: ${data["used"]} of ${data["allowed"]}`);
    case "history_cleared":
      return { ...state, messages: state.messages.filter((m) => m.position > (count(data["position"]) ?? 0)) };
    case "plan_update":
      return { ...state, facts: withVersion(state, data), plan: readPlan(data["plan"]) };
    case "dag_update":
    case "tool_call":
    case "tool_result":
    case "code_execution":
      return state; // part of the log; shown by screens that are still to come
    default:
      return { ...state, unknownEvents: state.unknownEvents + 1 };
  }
}

/** Events that changed the session carry its version; it never goes back. */
function withVersion(state: SessionState, data: EventFrame["data"]): SessionState["facts"] {
  return { ...state.facts, version: Math.max(state.facts.version, count(data["version"]) ?? 0) };
}

/** The plan as events and session details carry it: `{steps: [{step, name, goal, agent, status}]}`. */
export function readPlan(plan: unknown): PlannedEntry[] {
  return list(asFields(plan)["steps"]).map((value, index) => {
    const step = asFields(value);
    return {
      number: count(step["step"]) ?? index + 1,
      name: text(step["name"]) ?? `Step ${index + 1}`,
      goal: text(step["goal"]),
      agent: text(step["agent"]),
      status: text(step["status"]) ?? "proposed",
    };
  });
}

function withRun(state: SessionState, event: EventFrame, change: Partial<RunEntry>): SessionState {
  const runId = event.run_id ?? state.run?.runId;
  if (runId === undefined) return state;
  const base: RunEntry =
    state.run?.runId === runId
      ? state.run
      : {
          runId,
          status: "queued",
          task: "",
          attempt: 1,
          model: null,
          startedAt: null,
          endedAt: null,
          error: null,
          failedStep: null,
          resumable: false,
        };
  return { ...state, run: { ...base, ...change } };
}

function withStep(
  state: SessionState,
  event: EventFrame,
  status: StepStatus,
  change: Partial<StepEntry>,
): SessionState {
  const { data } = event;
  const stepId = text(data["step_id"]) ?? event.step;
  if (stepId === null) return state;
  const known = state.steps.find((step) => step.stepId === stepId);
  const attempt = count(data["attempt"]) ?? known?.attempt ?? 1;
  if (known && isOlder(known, status, attempt)) return state;
  const step: StepEntry = {
    stepId,
    runId: event.run_id,
    key: text(data["key"]) ?? known?.key ?? stepId,
    number: count(data["step_number"]) ?? known?.number ?? null,
    name: text(data["name"]) ?? known?.name ?? "",
    goal: text(data["goal"]) ?? known?.goal ?? null,
    agent: text(data["agent"]) ?? known?.agent ?? null,
    phase: known?.phase ?? state.facts.phase,
    summary: known?.summary ?? null,
    error: known?.error ?? null,
    startedAt: known?.startedAt ?? null,
    durationMs: known?.durationMs ?? null,
    ...change,
    status,
    attempt,
  };
  return { ...state, steps: upsert(state.steps, step, (entry) => entry.stepId) };
}

/** A snapshot may be newer than the events that are replayed after it. */
function isOlder(known: StepEntry, status: StepStatus, attempt: number): boolean {
  if (attempt < known.attempt) return true;
  return attempt === known.attempt && status === "running" && known.status === "completed";
}

function withMessage(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  const messageId = text(data["message_id"]);
  if (messageId === null) return state;
  const message: MessageEntry = {
    messageId,
    position: count(data["position"]) ?? state.messages.length + 1,
    role: text(data["role"]) ?? "assistant",
    agent: text(data["agent"]),
    content: text(data["content"]) ?? "",
    at: event.timestamp,
  };
  const messages = upsert(state.messages, message, (entry) => entry.messageId);
  const last = messages.at(-2);
  if (last && last.position > message.position) messages.sort((a, b) => a.position - b.position);
  return { ...state, messages, open: state.open.filter((entry) => entry.messageId !== messageId) };
}

function withLines(state: SessionState, event: EventFrame): SessionState {
  if (state.lines.length > 0 && (state.lines.at(-1)?.seq ?? 0) >= event.seq) return state;
  const stream = text(event.data["stream"]) ?? "log";
  const added = list(event.data["lines"]).map((line, index) => ({
    id: `${event.seq}.${index}`,
    seq: event.seq,
    at: event.timestamp,
    stream,
    text: text(line) ?? JSON.stringify(line),
  }));
  const lines = [...state.lines, ...added];
  return { ...state, lines: lines.length > MAX_LINES ? lines.slice(-MAX_LINES) : lines };
}

function withFile(state: SessionState, event: EventFrame): SessionState {
  const path = text(event.data["path"]);
  if (path === null) return state;
  if (event.data["change"] === "removed") {
    return { ...state, files: state.files.filter((file) => file.path !== path) };
  }
  const file: FileEntry = {
    path,
    size: count(event.data["size"]),
    kind: text(event.data["kind"]),
    at: event.timestamp,
  };
  return { ...state, files: upsert(state.files, file, (entry) => entry.path) };
}

function withCost(state: SessionState, event: EventFrame): SessionState {
  if (event.seq <= state.countedThrough) return state;
  const { data } = event;
  const price = count(data["cost_usd"]);
  return {
    ...state,
    countedThrough: event.seq,
    cost: {
      usd: price === null ? state.cost.usd : (state.cost.usd ?? 0) + price,
      unpricedCalls: state.cost.unpricedCalls + (price === null ? 1 : 0),
      inputTokens: state.cost.inputTokens + (count(data["input_tokens"]) ?? 0),
      outputTokens: state.cost.outputTokens + (count(data["output_tokens"]) ?? 0),
      calls: state.cost.calls + 1,
    },
  };
}

function withRequest(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  const approvalId = text(data["approval_id"]);
  if (approvalId === null) return state;
  const known = state.approvals.find((entry) => entry.approvalId === approvalId);
  if (known && known.status !== "pending") return state;
  const approval: ApprovalEntry = {
    approvalId,
    requestType: text(data["request_type"]) ?? "question",
    title: text(data["title"]) ?? "",
    requestData: asFields(data["request_data"]),
    options: list(data["options"]).map(String),
    status: "pending",
    resolution: null,
    feedback: null,
    respondedBy: null,
    respondedAt: null,
    deadline: text(data["deadline"]),
    at: event.timestamp,
  };
  return { ...state, approvals: upsert(state.approvals, approval, (entry) => entry.approvalId) };
}

function withResolution(state: SessionState, event: EventFrame): SessionState {
  const approvalId = text(event.data["approval_id"]);
  const approvals = state.approvals.map((entry) =>
    entry.approvalId !== approvalId
      ? entry
      : {
          ...entry,
          status: text(event.data["status"]) ?? "answered",
          resolution: text(event.data["resolution"]),
          feedback: text(event.data["feedback"]),
          respondedBy: text(event.data["responded_by"]),
          respondedAt: event.timestamp,
        },
  );
  return { ...state, approvals };
}

function withFacts(state: SessionState, event: EventFrame): SessionState {
  const { data } = event;
  return {
    ...state,
    facts: {
      ...state.facts,
      status: text(data["status"]) ?? state.facts.status,
      statusReason: text(data["reason"]),
      name: text(data["name"]) ?? state.facts.name,
      version: withVersion(state, data).version,
    },
  };
}

function withNotice(state: SessionState, event: EventFrame, code: string, message: string): SessionState {
  const notice = { seq: event.seq, at: event.timestamp, code, text: message };
  return { ...state, notices: [...state.notices.slice(-19), notice] };
}

/** Replace the entry of the same key where it stands, or add at the end. Always a new array. */
function upsert<T>(entries: readonly T[], entry: T, keyOf: (entry: T) => string): T[] {
  const key = keyOf(entry);
  const index = entries.findLastIndex((known) => keyOf(known) === key);
  return index < 0 ? [...entries, entry] : entries.with(index, entry);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function count(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function errorText(value: unknown): string | null {
  if (typeof value === "string") return value;
  const fields = asFields(value);
  return text(fields["message"]) ?? text(fields["detail"]) ?? text(fields["code"]);
}

function codePoints(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}
