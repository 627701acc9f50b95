import type { CostSummary } from "@/api/types";
import { asFields, type EventFrame } from "@/live/frames";

/** What is looked through for the pause and what came after it. */
export const CHANGES = ["workflow_paused", "file_update", "plan_update", "agent_message"];
export const CHANGES_BACK = 500;
const NAMED = 3;

/**
 * What a resumed run will find otherwise than it was left: in words, `null` when the pause is not among the events.
 * Pure.
 */
export function changedSince(events: readonly EventFrame[]): readonly string[] | null {
  const paused = events.findLastIndex((event) => event.type === "workflow_paused");
  if (paused < 0) return null;
  const after = events.slice(paused + 1);
  const files = [...new Set(after.filter((each) => each.type === "file_update").map((each) => String(each.data["path"])))];
  const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : "";
  const messages = after.filter((each) => each.type === "agent_message").length;
  return [
    ...(files.length > 0 ? [`${files.length === 1 ? "the file" : "the files"} ${files.slice(0, NAMED).join(", ")}${more}`] : []),
    ...(after.some((each) => each.type === "plan_update") ? ["the plan"] : []),
    ...(messages > 0 ? [`${messages} ${messages === 1 ? "message" : "messages"} more`] : []),
  ];
}

/** The list of prices that the newest priced call was priced from, and the one that calls are priced from now. */
export function changedPrices(costs: CostSummary): string | null {
  const priced = costs.records.map(asFields).find((call) => typeof call["cost_usd"] === "number" && call["cost_usd"] > 0);
  const before = priced?.["price_version"];
  if (typeof before !== "string" || before === costs.price_version) return null;
  return `model prices: ${before} → ${costs.price_version}`;
}
