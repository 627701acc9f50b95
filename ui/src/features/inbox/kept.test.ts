import { expect, it } from "vitest";
import { inPlace } from "./kept";

const list = (ids: string, version = 1) => [...ids].map((approval_id) => ({ approval_id, version }));
const ids = (all: readonly { approval_id: string }[]) => all.map((each) => each.approval_id).join("");

it.each([
  ["", "abc", "abc"],
  ["abc", "ac", "abc"],
  ["abc", "", "abc"],
  ["abc", "xac", "xabc"],
  ["abc", "axc", "abxc"],
  ["abc", "abcx", "abcx"],
  ["abc", "xy", "abcxy"],
  ["abc", "xayb", "xaybc"],
])("%s, then %s: %s", (before, now, shown) => {
  expect(ids(inPlace(list(before), list(now)))).toBe(shown);
});

it("what is still asked is shown as it is now", () => {
  expect(inPlace(list("ab"), list("b", 2))).toEqual([...list("a"), ...list("b", 2)]);
});
