import { expect, it } from "vitest";
import { authorOf, peopleIn, sayerOf } from "./authors";

const ADA = { userId: "a", name: "Ada" };
const BEN = { userId: "b", name: "Ben" };

it("counts people, not messages", () => {
  expect(peopleIn([ADA, null, BEN, { ...ADA, name: "Ada Married" }])).toBe(2);
  expect(peopleIn([null])).toBe(0);
});

it("stays plain while one person writes, and that is who reads", () => {
  expect(sayerOf(ADA, "a", false, "User")).toEqual({ name: "You", userId: null, mine: false });
});

it("names everybody where several write, with a mark for whoever reads", () => {
  expect(sayerOf(ADA, "a", true, "User")).toEqual({ name: "Ada", userId: "a", mine: true });
  expect(sayerOf(BEN, "a", true, "User")).toEqual({ name: "Ben", userId: "b", mine: false });
});

it("names the one other who writes", () => {
  expect(sayerOf(BEN, "a", false, "User")).toEqual({ name: "Ben", userId: "b", mine: false });
  expect(sayerOf(BEN, null, false, "User").mine).toBe(false);
});

it("what was said before names were kept is put on nobody", () => {
  expect(sayerOf(null, "a", true, "User")).toEqual({ name: "User", userId: null, mine: false });
});

it("believes nothing of the wire's shape", () => {
  expect(authorOf({ user_id: "a", name: "Ada" })).toEqual(ADA);
  for (const value of [null, undefined, "Ada", {}, { user_id: 1, name: "Ada" }, { user_id: "a" }])
    expect(authorOf(value)).toBeNull();
});
