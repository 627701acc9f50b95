/** What somebody may do with a session. The server decides; this says beforehand what it will refuse, and why. */

export type Right = "send" | "answer" | "control" | "edit" | "share" | "delete" | "purge" | "audit";

const EDIT: readonly Right[] = ["send", "answer", "control", "edit"];
const ADMIN: readonly Right[] = [...EDIT, "share", "delete", "audit"];

const RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  view: [],
  edit: EDIT,
  admin: ADMIN,
  owner: [...ADMIN, "purge"],
  "server-admin": [...ADMIN, "purge"],
};

/** A server that says no role has one user, who owns everything. */
export function may(role: string | null | undefined, right: Right): boolean {
  return role === null || role === undefined || (RIGHTS[role]?.includes(right) ?? false);
}

export const ROLE_WORD: Readonly<Record<string, string>> = {
  view: "can view",
  edit: "can edit",
  admin: "can manage",
  owner: "owner",
  "server-admin": "administrator",
};

export const ROLE_ABOUT: Readonly<Record<string, string>> = {
  view: "Can view: read and watch.",
  edit: "Can edit: also write, answer, pause and resume.",
  admin: "Can manage: also share, archive and delete.",
};
