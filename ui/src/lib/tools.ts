/** What tools of each category do, said of the tool. */
export const CATEGORY_DOES: Readonly<Record<string, string>> = {
  read_only: "only reads",
  file_write: "writes files of this session",
  code: "runs code",
  shell: "runs a shell command",
  network: "reaches the network",
};

/** The same as something that was allowed. */
export const CATEGORY_ALLOWED: Readonly<Record<string, string>> = {
  read_only: "Read files of the session",
  file_write: "Write files of the session",
  code: "Run code",
  shell: "Run shell commands",
  network: "Reach the network",
};
