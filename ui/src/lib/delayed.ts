import { useEffect, useState } from "react";

const SETTLE_MS = 200;

/** The value as it was when it last stayed the same for a moment: what somebody has finished typing. */
export function useDelayed<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
