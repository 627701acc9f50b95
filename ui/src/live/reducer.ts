/** State × frame → state. Pure: the same log gives the same page, live or years later, once or repeated. */

import { asFields, isEvent, type EventFrame, type SessionFrame, type SyncFrame } from "./frames";
import { withFacts, withCost, withFile, withNotice, withRequest, withResolution, withVersion } from "./reduce-facts";
import { goingOn, readPlan, stopped, withDag, withPlannedStatuses, withRun, withStep } from "./reduce-run";
import { applyDelta, withExecution, withLines, withMessage, withToolCall, withToolResult } from "./reduce-talk";
import type { SessionState } from "./session-state";
import { count, errorText, text } from "./values";

const RECOVERED = "The server was away and is back: the run went on after its last finished step.";

export function reduceAll(state: SessionState, frames: readonly SessionFrame[]): SessionState {
  return frames.reduce(reduce, state);
}

export function reduce(state: SessionState, frame: SessionFrame): SessionState {
  if (!isEvent(frame)) return frame.type === "sync" ? synced(state, frame) : applyDelta(state, frame);
  if (frame.seq <= state.seq) return state;
  const next = applyEvent(state, frame);
  return { ...next, seq: frame.seq, lastEventAt: frame.timestamp };
}
/** Texts under way come again from their start; events up to where the log stands are on their way. */
function synced(state: SessionState, { through_seq: through }: SyncFrame): SessionState {
  return { ...state, open: [], replay: through === undefined ? null : { from: state.seq, through } };
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
        activeMs: 0,
        activeSince: event.timestamp,
        error: null,
        failedStep: null,
        result: null,
      });
    case "workflow_resumed": {
      const restarted = (text(data["reason"]) ?? "requested").includes("restart");
      const clock = goingOn(state, event.timestamp, restarted);
      const change = { status: "running", error: null, failedStep: null, endedAt: null, ...clock };
      const resumed = withRun(state, event, change);
      return restarted ? withNotice(resumed, event, "recovered", RECOVERED) : resumed;
    }
    case "workflow_paused":
      return withRun({ ...state, open: [] }, event, { status: "paused", ...stopped(state, event.timestamp) });
    case "workflow_complete":
      return withRun({ ...state, open: [] }, event, {
        status: "completed",
        endedAt: event.timestamp,
        ...stopped(state, event.timestamp),
        result: asFields(data["result"]),
      });
    case "workflow_failed":
      return withRun({ ...state, open: [] }, event, {
        status: "failed",
        endedAt: event.timestamp,
        ...stopped(state, event.timestamp),
        error: errorText(data["error"]),
        failedStep: text(data["failed_step"]),
        resumable: data["resumable"] === true,
      });
    case "workflow_cancelled":
      return withRun({ ...state, open: [] }, event, {
        status: "cancelled",
        endedAt: event.timestamp,
        ...stopped(state, event.timestamp),
      });
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
      return withRun(withRequest(state, event), event, { status: "waiting", ...stopped(state, event.timestamp) });
    case "approval_resolved": {
      const clock = goingOn(state, event.timestamp, false);
      return withRun(withResolution(state, event), event, { status: "running", ...clock });
    }
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
      return { ...state, facts: withVersion(state, data), plan: readPlan(data["plan"]), planChanges: event.seq };
    case "dag_update":
      return withPlannedStatuses(withDag(state, data));
    case "tool_call":
      return withToolCall(state, event);
    case "tool_result":
      return withToolResult(state, event);
    case "code_execution":
      return withExecution(state, event);
    default:
      return { ...state, unknownEvents: state.unknownEvents + 1 };
  }
}
