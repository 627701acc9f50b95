/** What stands in the address: everything a person would want to send to somebody else, or come back to. */

export const TABS = ["chat", "overview", "mission", "dag", "console", "events", "costs", "files", "config"] as const;
export type SessionTab = (typeof TABS)[number];

export interface SessionSearch {
  tab?: SessionTab | undefined;
  /** An event of the log. */
  at?: number | undefined;
  /** A node of the picture. */
  node?: string | undefined;
}

export interface ListSearch {
  q?: string | undefined;
  status?: string | undefined;
  mode?: string | undefined;
  sort?: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

export function sessionSearch({ tab, at, node }: Raw): SessionSearch {
  const known = TABS.find((each) => each === tab) ?? (tab === "steps" ? "overview" : undefined);
  const seq = Number(at);
  return {
    ...(known ? { tab: known } : {}),
    ...(Number.isSafeInteger(seq) && seq > 0 ? { at: seq } : {}),
    ...(typeof node === "string" && node ? { node } : {}),
  };
}

export function listSearch({ q, status, mode, sort }: Raw): ListSearch {
  const text = (name: string, value: unknown) => (value !== undefined && value !== null && String(value) ? { [name]: String(value) } : {});
  return { ...text("q", q), ...text("status", status), ...text("mode", mode), ...text("sort", sort) };
}

/** Session to start one like, and session to resume: addresses of the first interface lead to the new places. */
export function newSearch({ from }: Raw): { from?: string } {
  return typeof from === "string" && from ? { from } : {};
}
