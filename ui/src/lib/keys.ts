import { useEffect, useRef } from "react";
import { readStored } from "./stored";

/** Single keys can be switched off: some people's tools type them by accident. */
export const SINGLE_KEYS = "single-keys";

export function singleKeysAreOn(): boolean {
  return readStored<boolean>(SINGLE_KEYS) !== false;
}

type Handlers = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Call a handler by its key while the component is mounted: "p", "?", "g s" (one after the other), "mod+k".
 * Single keys never fire in text fields, in a menu or in a dialog.
 */
export function useKeys(handlers: Handlers): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  const before = useRef({ key: "", at: 0 });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const mod = event.ctrlKey || event.metaKey;
      if (mod) return latest.current[`mod+${event.key.toLowerCase()}`]?.(event);
      if (event.altKey || isTaken(event.target) || !singleKeysAreOn()) return;
      const now = Date.now();
      const pair = now - before.current.at < 1200 ? latest.current[`${before.current.key} ${event.key}`] : undefined;
      before.current = { key: event.key, at: now };
      const handler = pair ?? latest.current[event.key];
      handler?.(event);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}

function isTaken(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, [role=menu], dialog") !== null;
}
