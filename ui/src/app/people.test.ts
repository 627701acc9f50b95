import { describe, expect, it } from "vitest";
import { nextSearch } from "./search";
import { initialsOf } from "@/components/Face";
import { may } from "@/lib/access";
import { newPassword } from "@/lib/password";
import { programOf } from "@/lib/program";
import { allowed, offered } from "@/features/session/actions";
import { endOf, endWords, hasEnded, untilWords } from "@/features/sharing/expiry";

describe("what somebody may do with a session", () => {
  it("a viewer can take a copy of a running one, and nothing else", () => {
    expect(allowed(offered("running", true), "view")).toEqual({ primary: null, second: null, more: ["fork", "again"] });
  });

  it("an editor does all but delete, a manager that too", () => {
    const all = offered("paused", true);
    expect(allowed(all, "edit").more).toEqual(all.more.filter((deed) => deed !== "delete"));
    expect(allowed(all, "admin")).toEqual(all);
  });

  it("an editor cannot bring back what was deleted", () => {
    expect(allowed(offered("deleted", true), "edit").primary).toBeNull();
    expect(allowed(offered("archived", true), "edit").primary).toBeNull();
  });

  it("where there is one user, they may do everything; a role nobody knows allows nothing", () => {
    expect(may(null, "purge")).toBe(true);
    expect(may("something-new", "send")).toBe(false);
  });
});

it("initials are of the first and the last word, whole letters only", () => {
  expect(["Ada Admin", "ben", "Dora Dean-Robertson", "anna.k", "Ödön", "𝒳 y", "", "  "].map(initialsOf)).toEqual([
    "AA",
    "B",
    "DR",
    "AK",
    "Ö",
    "𝒳Y",
    "?",
    "?",
  ]);
});

it("passwords that are made here differ and can be read aloud", () => {
  const made = Array.from({ length: 50 }, newPassword);
  expect(new Set(made).size).toBe(50);
  for (const each of made) expect(each).toMatch(/^([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}$/);
});

it("programs are called as people call them", () => {
  const firefox = "127.0.0.1 Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
  expect(programOf(firefox)).toBe("Firefox on Linux");
  expect(programOf("10.0.0.7 python-httpx/0.28.1")).toBe("python-httpx/0.28.1");
  expect(programOf("10.0.0.7")).toBe("Unknown program");
  expect(programOf(null)).toBe("Unknown program");
});

it("signing in leads on to addresses of this console only", () => {
  expect(nextSearch({ next: "/inbox?x=1" })).toEqual({ next: "/inbox?x=1" });
  for (const next of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:1", "/sign-in", 7])
    expect(nextSearch({ next })).toEqual({});
});

it("a share ends when it was said to, or not at all", () => {
  const now = Date.UTC(2026, 10, 21, 12);
  expect(endOf("24", now)).toBe("2026-11-22T12:00:00.000Z");
  expect(endOf("", now)).toBeNull();
  expect(untilWords(null)).toBe("for good");
  expect(endWords("2026-11-22T12:00:00.000Z", now)).toMatch(/^until .*22/);
});

it("what is over is called so, to the second", () => {
  const now = Date.UTC(2026, 10, 21, 12);
  expect([hasEnded(null, now), hasEnded("2026-11-21T12:00:01Z", now)]).toEqual([false, false]);
  expect(hasEnded("2026-11-21T12:00:00Z", now)).toBe(true);
  expect(endWords("2026-11-21T11:00:00Z", now)).toMatch(/^ended .*21/);
});
