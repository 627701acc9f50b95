import { useCallback, useEffect, useRef } from "react";

const SETTLE_MS = 200;
const LONGEST_MS = 1_000;

/** Call `action` once things have been quiet for a moment, and at least every second while they are not. */
export function useSettled(action: () => void): () => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const first = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    const now = Date.now();
    if (timer.current === undefined) first.current = now;
    clearTimeout(timer.current);
    const wait = now - first.current > LONGEST_MS ? 0 : SETTLE_MS;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      action();
    }, wait);
  }, [action]);
}
