import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { acrossTabs, leased } from "./exclusive";

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it("without Web Locks tabs take turns by a lease", async () => {
  const order: string[] = [];
  const tabs = ["a", "b", "c"].map((name) => ({ name, exclusive: leased("x") }));
  const all = Promise.all(
    tabs.map(({ name, exclusive }) =>
      exclusive(async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 500));
        order.push(`${name} out`);
      }),
    ),
  );
  await vi.advanceTimersByTimeAsync(10_000);
  await all;
  expect(order).toHaveLength(6);
  for (let i = 0; i < 6; i += 2) expect(order[i + 1]).toBe(order[i]?.replace("in", "out"));
});

it("a tab that died with the lease holds the others up for a while only", async () => {
  localStorage.setItem("perdure.lease.x", JSON.stringify({ holder: "dead", until: Date.now() + 10_000 }));
  const done = vi.fn();
  void leased("x")(async () => done());
  await vi.advanceTimersByTimeAsync(9_000);
  expect(done).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(done).toHaveBeenCalled();
});

it("a failure hands the lease on", async () => {
  const failing = leased("x")(async () => Promise.reject(new Error("no")));
  const failed = expect(failing).rejects.toThrow("no");
  await vi.advanceTimersByTimeAsync(1_000);
  await failed;
  expect(localStorage.getItem("perdure.lease.x")).toBeNull();
});

it("Web Locks are used where the browser has them", async () => {
  const request = vi.fn(async (_name: string, work: () => Promise<number>) => work());
  expect(await acrossTabs("x", { request } as unknown as LockManager)(async () => 7)).toBe(7);
  expect(request.mock.calls[0]?.[0]).toBe("x");
});
