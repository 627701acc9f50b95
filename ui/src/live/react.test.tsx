import { render } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { LiveProvider } from "./react";
import type { LiveStream } from "./stream";

function visible(state: "visible" | "hidden") {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(state);
  document.dispatchEvent(new Event("visibilitychange"));
}

it("a network that is back and a page that is looked at again skip the wait", () => {
  const stream = { start: vi.fn(), stop: vi.fn(), retryNow: vi.fn(), checkNow: vi.fn() };
  const page = render(<LiveProvider stream={stream as unknown as LiveStream}>page</LiveProvider>);
  expect(stream.start).toHaveBeenCalledTimes(1);
  window.dispatchEvent(new Event("online"));
  expect(stream.retryNow).toHaveBeenCalledTimes(1);
  visible("hidden");
  expect(stream.retryNow).toHaveBeenCalledTimes(1);
  visible("visible");
  expect(stream.retryNow).toHaveBeenCalledTimes(2);
  window.dispatchEvent(new Event("offline"));
  expect(stream.checkNow).toHaveBeenCalledTimes(1);
  page.unmount();
  expect(stream.stop).toHaveBeenCalledTimes(1);
  window.dispatchEvent(new Event("offline"));
  expect(stream.checkNow).toHaveBeenCalledTimes(1);
  window.dispatchEvent(new Event("online"));
  expect(stream.retryNow).toHaveBeenCalledTimes(2);
});
