import { describe, expect, it } from "vitest";
import { spans } from "./ansi";
import { blocks } from "./blocks";
import { bytes, dollars } from "./format";
import { shownStatus } from "./status";
import { ago, duration, left } from "./time";

describe("spans", () => {
  it("keeps colours and bold, and drops every other escape", () => {
    expect(spans("\u001b[1;31mbad\u001b[0m ok")).toEqual([
      { text: "bad", color: "red", bold: true },
      { text: " ok", color: null, bold: false },
    ]);
    expect(
      spans("a\u001b]8;;http://x\u0007b\u001b[2Jc\u001b[10;10Hd\u0007")
        .map((s) => s.text)
        .join(""),
    ).toBe("abcd");
    expect(spans("\u001b]0;title never ended")).toEqual([]);
  });
});

describe("blocks", () => {
  it("give the text back when joined, whatever is in it", () => {
    const text = "# A\n\npara\n\n```py\nx = 1\n\ny = 2\n```\n\n- a\n\n- b\n\nlast";
    expect(blocks(text).join("\n")).toBe(text);
    expect(blocks(text)).toHaveLength(4); // what starts like a list may belong to what is before it
  });
  it("do not cut a fence that is still open", () => {
    expect(blocks("```\na\n\nb\n\nc")).toHaveLength(1);
  });
  it("only the last one changes while text is added", () => {
    const before = blocks("one\n\ntwo\n\nthr");
    expect(blocks("one\n\ntwo\n\nthree").slice(0, 2)).toEqual(before.slice(0, 2));
  });
});

describe("shownStatus", () => {
  it.each([
    ["active", "running", 0, "running"],
    ["active", "queued", 0, "running"],
    ["active", "waiting", 1, "needs-you"],
    ["active", "completed", 0, "ready"],
    ["active", null, 0, "ready"],
    ["active", "cancelling", 0, "stopping"],
    ["suspended", "running", 0, "pausing"],
    ["suspended", "pausing", 0, "pausing"],
    ["suspended", "paused", 1, "paused"],
    ["completed", "completed", 0, "done"],
    ["failed", "failed", 0, "failed"],
    ["expired", null, 0, "expired"],
  ] as const)("a session %s with a run %s and %d questions is %s", (session, run, questions, shown) => {
    expect(shownStatus(session, run, questions)).toBe(shown);
  });
});

it("times and sums are short and true", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  expect(ago("2026-01-01T11:59:56Z", now)).toBe("4 s ago");
  expect(ago("2026-01-01T09:00:00Z", now)).toBe("3 h ago");
  expect(left("2026-01-01T12:13:41Z", now)).toBe("13:41");
  expect(left("2026-01-01T11:00:00Z", now)).toBe("passed");
  expect([duration(400), duration(12_400), duration(185_000)]).toEqual(["0.4 s", "12 s", "3 min 5 s"]);
  expect([dollars(0), dollars(0.0012), dollars(1.5)]).toEqual(["$0.00", "$0.0012", "$1.50"]);
  expect([bytes(90), bytes(20_480)]).toEqual(["90 B", "20.5 kB"]);
});
