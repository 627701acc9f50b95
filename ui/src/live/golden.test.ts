import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readEvent } from "./frames";
import { reduce } from "./reducer";
import { emptySession } from "./session-state";

/** One frame of each type, as the server writes it; the server's own tests hold it to them. */
const GOLDEN = join(import.meta.dirname, "../../../tests/contract/events");
const files = readdirSync(GOLDEN).filter((name) => name.endsWith(".json"));

it("there are frames to read", () => expect(files.length).toBeGreaterThan(20));

it.each(files)("%s is understood", (name) => {
  const raw: unknown = JSON.parse(readFileSync(join(GOLDEN, name), "utf8"));
  const event = readEvent(raw);
  if (!event) throw new Error("not read as an event");
  expect(`${event.type}.json`).toBe(name);
  const start = { ...emptySession(event.session_id), seq: event.seq - 1 };
  const state = reduce(start, event);
  expect(state).toMatchObject({ seq: event.seq, lastEventAt: event.timestamp, unknownEvents: 0 });
  const { seq: _seq, lastEventAt: _at, ...rest } = state;
  const { seq: _before, lastEventAt: _none, ...empty } = start;
  if (!ABOUT_WHAT_IS_THERE.has(event.type)) expect(rest).not.toEqual(empty);
  expect(reduce(state, event)).toBe(state);
});

/** These change something that an empty session does not have. */
const ABOUT_WHAT_IS_THERE: ReadonlySet<string> = new Set(["history_cleared"]);
