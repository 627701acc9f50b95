/** Events of the session itself and of what it holds: approvals, files, costs, notices. */

import { authorOf } from "@/lib/authors";
import { asFields, type EventFrame } from "./frames";
import { withFileOfTool } from "./reduce-talk";
import type { ApprovalEntry, FileEntry, SessionState } from "./session-state";
import { count, list, text, upsert } from "./values";

/** Events that changed the session carry its version; it never goes back. */
export function withVersion(state: SessionState, data: EventFrame["data"]): SessionState["facts"] {
  return { ...state.facts, version: Math.max(state.facts.version, count(data["version"]) ?? 0) };
}

export function withFacts(state: SessionState, event: EventFrame): SessionState {
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

export function withRequest(state: SessionState, event: EventFrame): SessionState {
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
    answerSchema:
      typeof data["answer_schema"] === "object" && data["answer_schema"] ? asFields(data["answer_schema"]) : null,
    onExpiry: text(data["on_expiry"]) ?? "pause",
    response: {},
    status: "pending",
    resolution: null,
    respondedBy: null,
    answeredBy: null,
    respondedAt: null,
    deadline: text(data["deadline"]),
    at: event.timestamp,
  };
  return { ...state, approvals: upsert(state.approvals, approval, (entry) => entry.approvalId) };
}

export function withResolution(state: SessionState, event: EventFrame): SessionState {
  const approvalId = text(event.data["approval_id"]);
  const approvals = state.approvals.map((entry) =>
    entry.approvalId !== approvalId
      ? entry
      : {
          ...entry,
          status: text(event.data["status"]) ?? "answered",
          resolution: text(event.data["resolution"]),
          response: event.data["feedback"] ? { ...entry.response, feedback: event.data["feedback"] } : entry.response,
          respondedBy: text(event.data["responded_by"]),
          answeredBy: authorOf(event.data["answered_by"]),
          respondedAt: event.timestamp,
        },
  );
  return { ...state, approvals };
}

export function withFile(state: SessionState, event: EventFrame): SessionState {
  const path = text(event.data["path"]);
  if (path === null) return state;
  if (event.data["change"] === "removed") {
    return { ...state, files: state.files.filter((file) => file.path !== path) };
  }
  const written = withFileOfTool(state, event, path);
  const file: FileEntry = {
    path,
    size: count(event.data["size"]),
    kind: text(event.data["kind"]),
    at: event.timestamp,
  };
  return { ...written, files: upsert(state.files, file, (entry) => entry.path) };
}

export function withCost(state: SessionState, event: EventFrame): SessionState {
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

export function withNotice(state: SessionState, event: EventFrame, code: string, message: string): SessionState {
  const notice = { seq: event.seq, at: event.timestamp, code, text: message };
  return { ...state, notices: [...state.notices.slice(-19), notice] };
}
