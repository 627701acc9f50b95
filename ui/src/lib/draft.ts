import { useCallback, useEffect, useRef, useState } from "react";

/** Text that survives a reload, kept in this browser under `key`. */
export function useDraft(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => read(key));
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    setText(read(key));
    return () => clearTimeout(timer.current);
  }, [key]);
  const update = useCallback(
    (next: string) => {
      setText(next);
      clearTimeout(timer.current);
      if (next) timer.current = setTimeout(() => write(key, next), 200);
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
