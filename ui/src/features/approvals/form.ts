/** What a person has filled in so far, and how it is sent. */

import type { Answer } from "@/api/approvals";
import { given, type Values } from "@/lib/schema";
import { asFields } from "@/live/frames";
import type { ApprovalEntry } from "@/live/session-state";
import type { Action } from "./kinds";
import { plannedSteps, wirePlan, type PlannedStep } from "./plan";
import { optionsOf } from "./selection";

export interface Draft {
  /** The answer that is being prepared: words are asked for, or the subject is open for editing. */
  readonly preparing: string | null;
  readonly words: string;
  readonly answer: Values;
  readonly steps: readonly PlannedStep[] | null;
  readonly edited: Values | null;
}

export const EMPTY: Draft = { preparing: null, words: "", answer: {}, steps: null, edited: null };

/** The subject as it is, open for editing. */
export function opened(approval: ApprovalEntry, draft: Draft): Pick<Draft, "steps" | "edited"> {
  const data = approval.requestData;
  if (approval.requestType === "plan") return { steps: draft.steps ?? plannedSteps(data) ?? [], edited: null };
  if (approval.requestType === "tool") return { steps: null, edited: draft.edited ?? asFields(data["arguments"]) };
  if (approval.requestType === "selection") {
    const chosen = optionsOf(data).find((option) => option.number === draft.answer["choice"]);
    return { steps: null, edited: chosen?.data ?? {} };
  }
  return { steps: null, edited: draft.edited ?? data };
}

/** Names of the fields that may be edited besides a plan's steps and a tool's arguments. */
export function editableSchema(approval: ApprovalEntry): Readonly<Record<string, unknown>> | null {
  const data = approval.requestData;
  const schema = asFields(approval.requestType === "tool" ? data["parameters"] : data["modifications_schema"]);
  return schema["properties"] ? schema : null;
}

export function answerOf(approval: ApprovalEntry, action: Action, draft: Draft): Answer {
  const words = draft.words.trim();
  const base: Answer = { resolution: action.resolution, ...(words && action.words ? { feedback: words } : {}) };
  if (action.editing) return { ...base, modifications: modificationsOf(approval, draft) };
  if (!action.answers) return base;
  const answer = answerValue(approval, draft);
  return answer === undefined ? base : { ...base, answer };
}

function modificationsOf(approval: ApprovalEntry, draft: Draft): unknown {
  if (draft.steps) return wirePlan(draft.steps);
  const edited = draft.edited ?? {};
  if (approval.requestType === "tool") return { arguments: edited };
  const names = Object.keys(asFields(editableSchema(approval)?.["properties"]));
  return Object.fromEntries(
    Object.entries(edited).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

function answerValue(approval: ApprovalEntry, draft: Draft): unknown {
  const schema = approval.answerSchema;
  if (schema === null || schema["properties"]) {
    const values = given(draft.answer);
    return Object.keys(values).length > 0 || approval.requestType !== "budget" ? values : undefined;
  }
  return draft.answer["answer"] ?? "";
}
