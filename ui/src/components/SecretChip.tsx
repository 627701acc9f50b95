import { isOwnOfSession, secretWords } from "@/lib/secrets";
import { Icon } from "./Icon";
import styles from "./SecretChip.module.css";

/** A secret by its name; nobody is shown more of it. */
export function SecretChip({ name }: { name: string }) {
  return (
    <span className={styles.chip} title="A secret: its value is never shown">
      <Icon name="key" size={13} />
      {isOwnOfSession(name) ? (
        <span>{secretWords(name)}</span>
      ) : (
        <code>{name}</code>
      )}
    </span>
  );
}
