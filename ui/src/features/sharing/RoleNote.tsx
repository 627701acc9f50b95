import { Icon } from "@/components/Icon";
import styles from "./Sharing.module.css";

/** Why buttons are missing, said once and where they would be. Nothing for whoever may do everything. */
export function RoleNote({ role, ownerName }: { role: string | null; ownerName: string | null }) {
  const owner = ownerName ?? "somebody else";
  const words = {
    view: `${owner} shared this session with you to view. You cannot write, answer or change anything; ask them if you need to.`,
    "server-admin": `This session is ${owner === "somebody else" ? "somebody else’s" : `${owner}’s`}. You see it because you administer this server, and what you do here stands in the audit log.`,
  }[role ?? ""];
  if (!words) return null;
  return (
    <p className={styles.role} role="note">
      <Icon name={role === "view" ? "users" : "shield"} />
      <span>{words}</span>
    </p>
  );
}
