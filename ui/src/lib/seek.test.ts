import { act, renderHook } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { useSeek } from "./seek";

const nothing = { found: 1, hasOlder: true, fetching: false, failed: false, wanted: "word" };

function seeking(first: Partial<typeof nothing> = {}) {
  const fetchOlder = vi.fn();
  const onFound = vi.fn();
  const hook = renderHook((now: typeof nothing) => useSeek({ ...now, fetchOlder, onFound }), {
    initialProps: { ...nothing, ...first },
  });
  act(() => hook.result.current.seek());
  const now = (change: Partial<typeof nothing>) => hook.rerender({ ...nothing, ...change });
  return { hook, fetchOlder, onFound, now };
}

it("reads on, one stretch after the other, until something older matches", () => {
  const { hook, fetchOlder, onFound, now } = seeking();
  expect(fetchOlder).toHaveBeenCalledTimes(1);
  now({ fetching: true });
  expect(fetchOlder).toHaveBeenCalledTimes(1);
  now({ fetching: false });
  expect(fetchOlder).toHaveBeenCalledTimes(2);
  now({ fetching: true });
  now({ fetching: false, found: 4 });
  expect(fetchOlder).toHaveBeenCalledTimes(2);
  expect(onFound).toHaveBeenCalledWith(3);
  expect(hook.result.current.seeking).toBe(false);
});

it.each([{ hasOlder: false }, { failed: true }])("ends when there is nothing more to be had: %o", (end) => {
  const { hook, fetchOlder, onFound, now } = seeking();
  now({ fetching: true });
  now({ fetching: false, ...end });
  expect(fetchOlder).toHaveBeenCalledTimes(1);
  expect(onFound).not.toHaveBeenCalled();
  expect(hook.result.current.seeking).toBe(false);
});

it("is ended by another search and by hand", () => {
  const { hook, now } = seeking();
  now({ fetching: true, wanted: "other" });
  expect(hook.result.current.seeking).toBe(false);
  act(() => hook.result.current.seek());
  expect(hook.result.current.seeking).toBe(true);
  act(() => hook.result.current.stop());
  expect(hook.result.current.seeking).toBe(false);
});
