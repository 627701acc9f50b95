/** What stands in the address: everything a person would want to send to somebody else, or come back to. */

import { readSpan } from "@/lib/span";

export const TABS = ["chat", "overview", "mission", "dag", "console", "events", "costs", "files", "config"] as const;
export type SessionTab = (typeof TABS)[number];

/** How the log of a session is looked at. */
export type LogView = "table" | "timeline" | "json";

export interface SessionSearch {
  tab?: SessionTab | undefined;
  /** An event of the log. */
  at?: number | undefined;
  /** A stretch of the log, from an event to another, that events and console keep to: "120-340". */
  span?: string | undefined;
  /** How the log is looked at; a table otherwise. */
  view?: Exclude<LogView, "table"> | undefined;
  /** A node of the picture. */
  node?: string | undefined;
  /** A file that is looked at. */
  file?: string | undefined;
  /** Show what a resume would do. */
  resume?: boolean | undefined;
}

export interface ListSearch {
  q?: string | undefined;
  status?: string | undefined;
  mode?: string | undefined;
  sort?: string | undefined;
  /** `me`: what others shared with the person on this page; `mine`: their own. */
  whose?: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

export function sessionSearch({ tab, at, span, view, node, file, resume }: Raw): SessionSearch {
  const known = TABS.find((each) => each === tab) ?? (tab === "steps" ? "overview" : undefined);
  const seq = Number(at);
  return {
    ...(known ? { tab: known } : {}),
    ...(Number.isSafeInteger(seq) && seq > 0 ? { at: seq } : {}),
    ...(typeof span === "string" && readSpan(span) ? { span } : {}),
    ...(view === "timeline" || view === "json" ? { view } : {}),
    ...(resume === true || resume === 1 ? { resume: true } : {}),
    ...(typeof node === "string" && node ? { node } : {}),
    ...(file !== undefined && file !== null && String(file) ? { file: String(file) } : {}),
  };
}

export function listSearch({ q, status, mode, sort, whose }: Raw): ListSearch {
  const text = (name: string, value: unknown) =>
    value !== undefined && value !== null && String(value) ? { [name]: String(value) } : {};
  return { ...text("q", q), ...text("status", status), ...text("mode", mode), ...text("sort", sort), ...text("whose", whose) };
}

/** The session that an address of the first interface wants resumed. */
export function startSearch(search: Raw): { resumeSessionId?: string } {
  const wanted = search["resumeSessionId"] ?? search["copilotSessionId"];
  return typeof wanted === "string" && wanted ? { resumeSessionId: wanted } : {};
}

/** The session to start one like. */
export function newSearch({ from }: Raw): { from?: string } {
  return typeof from === "string" && from ? { from } : {};
}

/** Where to go after signing in: only ever a place of this console. */
export function nextSearch({ next }: Raw): { next?: string } {
  if (typeof next !== "string" || !/^\/(?![/\\])/.test(next) || next.startsWith("/sign-in")) return {};
  return { next };
}
