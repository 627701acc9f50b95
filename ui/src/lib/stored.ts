import { useCallback, useEffect, useRef, useState } from "react";

const SAVE_AFTER_MS = 200;
const PREFIX = "perdure.";

/** A JSON value that survives a reload, kept in this browser under `key`; `null` forgets it. */
export function useStored<T>(key: string, initial: T): [T, (next: T) => void, () => void] {
  const [value, setValue] = useState<T>(() => readStored(key) ?? initial);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const unsaved = useRef<{ value: T } | null>(null);
  useEffect(() => {
    const save = () => {
      clearTimeout(timer.current);
      if (unsaved.current) writeStored(key, unsaved.current.value);
      unsaved.current = null;
    };
    window.addEventListener("pagehide", save);
    return () => {
      window.removeEventListener("pagehide", save);
      save();
    };
  }, [key]);
  const update = useCallback(
    (next: T) => {
      setValue(next);
      unsaved.current = { value: next };
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        writeStored(key, next);
        unsaved.current = null;
      }, SAVE_AFTER_MS);
    },
    [key],
  );
  const forget = useCallback(() => {
    clearTimeout(timer.current);
    unsaved.current = null;
    writeStored(key, null);
  }, [key]);
  return [value, update, forget];
}

export function readStored<T>(key: string): T | null {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null; // storage switched off, or written by somebody else
  }
}

export function writeStored(key: string, value: unknown): void {
  try {
    if (value === null || value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // full or switched off: saving never disturbs the person
  }
}

/** Forget all values whose keys begin with one of these. */
export function forgetStored(beginnings: readonly string[]): void {
  try {
    for (const key of Object.keys(localStorage)) {
      if (beginnings.some((each) => key.startsWith(PREFIX + each))) localStorage.removeItem(key);
    }
  } catch {
    // switched off: nothing is kept
  }
}
