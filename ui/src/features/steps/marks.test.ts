import { expect, it } from "vitest";
import { withoutMarks } from "./marks";

it.each([
  ["# Facts\nOne", "Facts\nOne"],
  ["the smaller *Linnea* serves: **180 passengers**.", "the smaller Linnea serves: 180 passengers."],
  ["run `make *.c` and __init__.py", "run make *.c and __init__.py"],
  ["2 * 3 * 4 and a_b_c stay", "2 * 3 * 4 and a_b_c stay"],
  ["- one\n- *two*", "- one\n- two"],
])("reads %j as %j", (written, read) => {
  expect(withoutMarks(written)).toBe(read);
});
