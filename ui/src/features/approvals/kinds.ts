/** What each kind of question is called, and what can be answered to it. */

import type { IconName } from "@/components/Icon";
import { asFields } from "@/live/frames";
import type { ApprovalEntry } from "@/live/session-state";

export interface Action {
  readonly resolution: string;
  readonly label: string;
  readonly tone: "primary" | "plain" | "danger";
  /** Words are asked for first. */
  readonly words?: { readonly label: string; readonly needed: boolean };
  /** The subject is opened for editing first; then this is what the button says. */
  readonly editing?: string;
  /** A word that has to be typed first: what is allowed cannot be taken back. */
  readonly proof?: string;
  /** What the form holds is sent as the answer. */
  readonly answers?: boolean;
}

export const KIND_ICON: Readonly<Record<string, IconName>> = {
  plan: "checks",
  step: "list",
  tool: "wrench",
  question: "question",
  error: "cross",
  turn: "chat",
  selection: "bulb",
  budget: "coin",
};

const WHY = { label: "Why not? (can stay empty)", needed: false };
const DIFFERENT = { label: "What should be different?", needed: true };

type Words = Readonly<Record<string, Omit<Action, "resolution">>>;

const COMMON: Words = {
  approve: { label: "Approve", tone: "primary" },
  continue: { label: "Go on", tone: "primary" },
  answer: { label: "Send the answer", tone: "primary", answers: true },
  retry: {
    label: "Try again",
    tone: "primary",
    words: { label: "Anything it should do differently? (can stay empty)", needed: false },
  },
  revise: { label: "Ask for changes", tone: "plain", words: DIFFERENT },
  redo: { label: "Do it again", tone: "plain", words: DIFFERENT },
  modify: { label: "Edit", tone: "plain", editing: "Send as edited" },
  skip: { label: "Skip", tone: "plain" },
  reject: { label: "Reject", tone: "plain", words: WHY },
  abort: { label: "End the run", tone: "danger" },
};

const BY_KIND: Readonly<Record<string, Words>> = {
  plan: { modify: { label: "Edit the plan", tone: "plain", editing: "Start with this plan" } },
  step: {
    approve: { label: "Start this step", tone: "primary" },
    skip: { label: "Skip this step", tone: "plain" },
    modify: { label: "Edit the step", tone: "plain", editing: "Start as edited" },
    reject: { label: "End the run", tone: "danger", words: WHY },
  },
  tool: {
    approve: { label: "Allow once", tone: "primary" },
    allow_session: { label: "Allow for this session", tone: "plain" },
    modify: { label: "Edit the call", tone: "plain", editing: "Allow as edited" },
    reject: { label: "Deny", tone: "plain", words: WHY },
    retry: { label: "Call it again", tone: "primary" },
    skip: { label: "Go on without it", tone: "plain" },
  },
  question: {
    skip: { label: "Go on without answers", tone: "plain" },
    reject: { label: "No answer", tone: "plain", words: { label: "A word on why? (can stay empty)", needed: false } },
  },
  error: { skip: { label: "Skip this step", tone: "plain" } },
  turn: {
    revise: {
      label: "Say something first",
      tone: "plain",
      words: { label: "What should it know before it goes on?", needed: true },
    },
  },
  selection: {
    answer: { label: "Go with this one", tone: "primary", answers: true },
    modify: { label: "Edit it first", tone: "plain", editing: "Go with this" },
    revise: { label: "Say something else", tone: "plain", words: { label: "Which way instead?", needed: true } },
    reject: { label: "None of them", tone: "plain", words: WHY },
  },
  budget: { approve: { label: "Allow more", tone: "primary", answers: true } },
};

/** The answers on offer, the one that goes ahead first, the one that ends everything last. */
export function actionsOf(approval: ApprovalEntry): Action[] {
  const words = { ...COMMON, ...BY_KIND[approval.requestType] };
  const offered = approval.options.length > 0 ? [...approval.options] : ["approve", "reject"];
  const mayGrant = approval.requestType === "tool" && offered.includes("approve") && approval.answerSchema !== null;
  if (mayGrant) offered.splice(offered.indexOf("approve") + 1, 0, "allow_session");
  // choosing among several says the same as approving the one that is recommended
  const shown =
    approval.requestType === "selection" && offered.includes("answer")
      ? offered.filter((each) => each !== "approve")
      : offered;
  const proof = proofOf(approval);
  const rank = { primary: 0, plain: 1, danger: 2 };
  return shown
    .flatMap((resolution) => (words[resolution] ? [{ resolution, ...words[resolution] }] : []))
    .map((action, index) => ({ action, index }))
    .sort((a, b) => rank[a.action.tone] - rank[b.action.tone] || a.index - b.index)
    .map(({ action }) => action)
    .map((action) => (ALLOWS.has(action.resolution) && proof ? { ...action, proof } : action));
}

const ALLOWS: ReadonlySet<string> = new Set(["approve", "allow_session", "retry"]);
const DESTROYS =
  /(^|[\s;&|(])(rm|rmdir|dd|mkfs\S*|shred|truncate|chmod|chown|sudo|kill|pkill|shutdown|reboot|git\s+(push|reset|clean))(\s|$)/;

/** The first word of a shell command that may destroy something; null for everything else. */
export function proofOf(approval: ApprovalEntry): string | null {
  if (approval.requestType !== "tool" || approval.requestData["category"] !== "shell") return null;
  const command = asFields(approval.requestData["arguments"])["command"];
  if (typeof command !== "string" || !DESTROYS.test(command)) return null;
  return command.trim().split(/\s+/, 1)[0] ?? null;
}

export const CONSEQUENCE: Readonly<Record<string, string>> = {
  pause: "then the run pauses and the question stays",
  reject: "then it counts as a no",
  approve: "then it counts as a yes",
};

export const OUTCOME: Readonly<Record<string, string>> = {
  approve: "Approved",
  continue: "Gone on",
  reject: "Rejected",
  abort: "Ended",
  revise: "Changes asked for",
  redo: "To be done again",
  modify: "Changed and approved",
  answer: "Answered",
  skip: "Skipped",
  retry: "Tried again",
};
