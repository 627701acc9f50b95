/** The words that steps, nodes and sessions have too, where they are the same thing. */
const WORD: Readonly<Record<string, string>> = { completed: "Done", executing: "Running", in_progress: "Under way" };

export function wordOf(status: string): string {
  return WORD[status] ?? status.charAt(0).toUpperCase() + status.slice(1).replaceAll("_", " ");
}
