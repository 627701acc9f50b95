import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { listSecrets } from "@/api/secrets";
import { SecretChip } from "@/components/SecretChip";
import { referenceTo, secretName } from "@/lib/secrets";
import form from "./form.module.css";
import styles from "./SecretField.module.css";

interface Props {
  readonly control: Readonly<Record<string, unknown>>;
  readonly label: string;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** A value that must not be seen: typed, or one of the person's named secrets. */
export function SecretField({ control, label, value, onChange }: Props) {
  const name = secretName(value);
  const secrets = useQuery({ queryKey: ["secrets"], queryFn: listSecrets });
  if (name !== null) {
    const gone = secrets.data && !secrets.isFetching && !secrets.data.some((each) => each.name === name);
    return (
      <div className={styles.secret}>
        <div className={styles.chosen}>
          <SecretChip name={name} />
          <Button size="compact-xs" variant="default" aria-label={`Change ${label}`} onClick={() => onChange(undefined)}>
            Change
          </Button>
        </div>
        {gone && <p className={form.error}>You have no secret of this name any more: choose another.</p>}
      </div>
    );
  }
  const named = secrets.data ?? [];
  return (
    <div className={styles.secret}>
      <div className={styles.either}>
        <input
          {...control}
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={typeof value === "string" ? value : ""}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        />
        {named.length > 0 && (
          <select
            className={form.control}
            aria-label={`${label}: one of my secrets`}
            value=""
            onChange={(event) => onChange(referenceTo(event.currentTarget.value))}
          >
            <option value="">or one of my secrets</option>
            {named.map((each) => (
              <option key={each.name} value={each.name}>
                {each.name}
              </option>
            ))}
          </select>
        )}
      </div>
      {secrets.data && named.length === 0 && (
        <p className={styles.note}>
          Used often? <Link to="/settings/$part" params={{ part: "secrets" }}>Keep it as a named secret</Link> and choose
          it here.
        </p>
      )}
    </div>
  );
}
