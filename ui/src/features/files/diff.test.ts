import { expect, it } from "vitest";
import { diffOf, hunksOf, MOST_CHANGES, type DiffLine } from "./diff";

const told = (left: string, right: string) =>
  (diffOf(left, right) ?? []).map((line) => ({ same: " ", added: "+", removed: "-" })[line.kind] + line.text);
const side = (lines: readonly DiffLine[], without: DiffLine["kind"]) =>
  lines.filter((line) => line.kind !== without).map((line) => line.text).join("\n");

it("says which lines one has and the other has not", () => {
  expect(told("a\nb\nc", "a\nx\nc")).toEqual([" a", "-b", "+x", " c"]);
  expect(told("a\nb", "a\nb")).toEqual([" a", " b"]);
  expect(told("", "a\nb")).toEqual(["-", "+a", "+b"]);
  expect(told("a\nb\nc", "b\nc\nd")).toEqual(["-a", " b", " c", "+d"]);
});

it("holds both texts whole, and no more changes than are needed", () => {
  let seed = 7;
  const random = (most: number) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  for (let round = 0; round < 200; round += 1) {
    const text = () => Array.from({ length: random(12) }, () => "abc"[random(3)]).join("\n");
    const [left, right] = [text(), text()];
    const lines = diffOf(left, right) ?? [];
    expect(side(lines, "added")).toBe(left);
    expect(side(lines, "removed")).toBe(right);
    expect(lines.filter((line) => line.kind === "same")).toHaveLength(common(left.split("\n"), right.split("\n")));
  }
});

it("gives up on texts that have nothing to do with each other", () => {
  const many = (word: string) => Array.from({ length: MOST_CHANGES }, (_, n) => `${word} ${n}`).join("\n");
  expect(diffOf(many("a"), many("b"))).toBeNull();
});

it("numbers the lines of both, and leaves out what is far from a difference", () => {
  const lines = Array.from({ length: 40 }, (_, n) => `line ${n + 1}`);
  const diff = diffOf(lines.join("\n"), lines.with(19, "other").join("\n")) ?? [];
  expect(diff.find((line) => line.kind === "added")).toEqual({ kind: "added", text: "other", left: null, right: 20 });
  const { hunks, after } = hunksOf(diff);
  expect(hunks.map((hunk) => [hunk.skipped, hunk.lines.length])).toEqual([[16, 8]]);
  expect(after).toBe(17);
});

/** Length of the longest common part, found the slow way. */
function common(a: readonly string[], b: readonly string[]): number {
  const best: number[][] = Array.from({ length: a.length + 1 }, () => Array<number>(b.length + 1).fill(0));
  const at = (x: number, y: number) => best[x]?.[y] ?? 0;
  for (let x = 1; x <= a.length; x += 1)
    for (let y = 1; y <= b.length; y += 1)
      best[x]![y] = a[x - 1] === b[y - 1] ? at(x - 1, y - 1) + 1 : Math.max(at(x - 1, y), at(x, y - 1));
  return at(a.length, b.length);
}
