import { expect, it } from "vitest";
import { isOwnOfSession, referenceTo, secretName, withoutOwnSecrets, wrongName, wrongValue } from "./secrets";

const OWN = "0199b2f0-0000-7000-8000-000000000001";

it("a reference is an object with the name and nothing else", () => {
  expect(secretName(referenceTo("work"))).toBe("work");
  for (const value of ["work", null, undefined, {}, { $secret: 1 }, { $secret: "work", more: 1 }, ["$secret"]])
    expect(secretName(value)).toBeNull();
});

it("keys that a session put aside are told from named ones, and left out of what another session gets", () => {
  expect([isOwnOfSession(OWN), isOwnOfSession("work")]).toEqual([true, false]);
  const config = { goal: "g", api_key: referenceTo(OWN), other: referenceTo("work") };
  expect(withoutOwnSecrets(config)).toEqual({ goal: "g", other: referenceTo("work") });
});

it("names are what the server takes, and not taken already", () => {
  expect(wrongName("open-ai_2", [])).toBeNull();
  for (const name of ["", "Work", "2nd", "a b", "a".repeat(65)]) expect(wrongName(name, [])).toContain("Lower-case");
  expect(wrongName("work", ["work"])).toContain("replace");
});

it("a value is one line of 8 to 8 192 characters, and no message repeats it", () => {
  expect(wrongValue("sk-12345")).toBeNull();
  for (const value of ["short", "two\nlines of it", "x".repeat(8193)]) {
    expect(wrongValue(value)).toBeTruthy();
    expect(wrongValue(value)).not.toContain(value);
  }
});
