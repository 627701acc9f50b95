import { asFields, type EventFrame } from "@/live/frames";

/** One line that says what an event is about. */
export function describe(event: EventFrame): string {
  const { data } = event;
  const text = (name: string) => (typeof data[name] === "string" ? data[name] : "");
  switch (event.type) {
    case "workflow_started":
      return text("task");
    case "workflow_failed":
    case "step_failed":
      return [text("name"), errorOf(data["error"])].filter(Boolean).join(": ");
    case "phase_change":
      return text("phase") + (data["step_number"] ? `, step ${String(data["step_number"])}` : "");
    case "step_started":
    case "step_completed":
    case "step_skipped":
      return text("name") + (text("summary") ? `: ${text("summary")}` : "");
    case "agent_message":
      return `${text("agent") || text("role")}: ${text("content")}`;
    case "tool_call":
      return `${text("tool")} ${JSON.stringify(data["arguments"] ?? {})}`;
    case "tool_result":
      return `${text("tool")}: ${text("result")}`;
    case "code_execution":
      return `${text("language")}, exit ${String(data["exit_status"])}`;
    case "console":
      return Array.isArray(data["lines"]) ? data["lines"].join(" ⏎ ") : "";
    case "file_update":
      return `${text("change")} ${text("path")}`;
    case "cost_update":
      return `${text("model")}: ${String(data["input_tokens"] ?? "?")} in, ${String(data["output_tokens"] ?? "?")} out${typeof data["cost_usd"] === "number" ? `, $${data["cost_usd"]}` : ", no price"}`;
    case "approval_request":
      return text("title");
    case "approval_resolved":
      return [text("status"), text("responded_by") && `by ${text("responded_by")}`, text("feedback")]
        .filter(Boolean)
        .join(" ");
    case "session_update":
      return [text("status"), text("reason")].filter(Boolean).join(": ");
    case "plan_update":
      return text("change");
    case "dag_update":
      return count(data["nodes"], "node");
    default: {
      const first = Object.values(data).find((value) => typeof value === "string");
      return typeof first === "string" ? first : "";
    }
  }
}

function count(list: unknown, word: string): string {
  const many = Array.isArray(list) ? list.length : 0;
  return `${many} ${many === 1 ? word : `${word}s`}`;
}

function errorOf(value: unknown): string {
  const error = asFields(value);
  const message = error["message"] ?? error["code"];
  return typeof message === "string" ? message : "";
}
