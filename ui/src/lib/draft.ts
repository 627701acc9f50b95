import { useCallback, useEffect, useRef, useState } from "react";

const SAVE_AFTER_MS = 200;

/** Text that survives a reload, kept in this browser under `key`, which stays the same while the component lives. */
export function useDraft(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => read(key));
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const unsaved = useRef<string | null>(null);
  useEffect(() => {
    const save = () => {
      clearTimeout(timer.current);
      if (unsaved.current !== null) write(key, unsaved.current);
      unsaved.current = null;
    };
    window.addEventListener("pagehide", save);
    return () => {
      window.removeEventListener("pagehide", save);
      save();
    };
  }, [key]);
  const update = useCallback(
    (next: string) => {
      setText(next);
      clearTimeout(timer.current);
      unsaved.current = next ? next : null;
      if (next) timer.current = setTimeout(() => write(key, next), SAVE_AFTER_MS);
      else write(key, "");
    },
    [key],
  );
  return [text, update];
}

function read(key: string): string {
  try {
    return localStorage.getItem(`perdure.draft.${key}`) ?? "";
  } catch {
    return ""; // storage switched off: a draft then lives as long as the page
  }
}

function write(key: string, text: string): void {
  try {
    if (text) localStorage.setItem(`perdure.draft.${key}`, text);
    else localStorage.removeItem(`perdure.draft.${key}`);
  } catch {
    // full or switched off: saving a draft never disturbs the person
  }
}
