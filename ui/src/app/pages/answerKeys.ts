import { useKeys } from "@/lib/keys";

const ANSWER_KEYS: Readonly<Record<string, readonly string[]>> = {
  a: ["approve", "continue", "answer"],
  e: ["modify"],
  r: ["reject", "abort", "revise"],
};

/** a, e and r press the answers of the first open question; the answers that need words ask for them first. */
export function useAnswerKeys(): void {
  const press = (resolutions: readonly string[]) => {
    const card = document.querySelector<HTMLElement>("[data-request]");
    for (const resolution of resolutions) {
      const button = card?.querySelector<HTMLButtonElement>(`button[data-answer="${resolution}"]:not(:disabled)`);
      if (button) {
        button.focus();
        return button.click();
      }
    }
  };
  useKeys(Object.fromEntries(Object.entries(ANSWER_KEYS).map(([key, resolutions]) => [key, () => press(resolutions)])));
}
