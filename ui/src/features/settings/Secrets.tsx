import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState, type FormEvent } from "react";
import { asProblem, formErrors } from "@/api/problem";
import { deleteSecret, listSecrets, putSecret } from "@/api/secrets";
import type { SecretInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { PasswordInput } from "@/components/PasswordInput";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { wrongName, wrongValue } from "@/lib/secrets";
import styles from "./Settings.module.css";

type Asking = { readonly kind: "new" } | { readonly kind: "replace" | "remove"; readonly name: string } | null;

/** Keys of the person's for model providers and tool servers, by name. Their values go to the server and never come back. */
export default function Secrets() {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ["secrets"], queryFn: listSecrets });
  const [asking, setAsking] = useState<Asking>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: ["secrets"] });
  const close = () => setAsking(null);
  return (
    <section className={styles.wide} aria-labelledby="secrets-title">
      <header>
        <h2 id="secrets-title">Secrets</h2>
        <Button leftSection={<Icon name="plus" />} onClick={() => setAsking({ kind: "new" })}>
          New secret
        </Button>
      </header>
      <p className={styles.note}>
        Keys for model providers and tool servers, good for all your sessions. They are kept encrypted; nobody is shown
        a value again, you and administrators included. In a config: <code>{'{"$secret": "name"}'}</code>
      </p>
      {query.error && !query.data ? (
        <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Loading rows={3} label="Loading secrets" />
      ) : query.data.length === 0 ? (
        <EmptyState>Secrets that you keep for your sessions appear here, by name.</EmptyState>
      ) : (
        <ul className={styles.rows} aria-label="Secrets">
          {query.data.map((each) => (
            <Row key={each.secret_id} secret={each} onAsk={setAsking} />
          ))}
        </ul>
      )}
      {(asking?.kind === "new" || asking?.kind === "replace") && (
        <SecretDialog
          name={asking.kind === "replace" ? asking.name : null}
          taken={query.data?.map((each) => each.name) ?? []}
          onClose={close}
          onDone={() => void refresh()}
        />
      )}
      {asking?.kind === "remove" && (
        <RemoveDialog name={asking.name} onClose={close} onDone={() => void refresh()} />
      )}
    </section>
  );
}

function Row({ secret, onAsk }: { secret: SecretInfo; onAsk: (asking: Asking) => void }) {
  const { name } = secret;
  return (
    <li data-short="">
      <div>
        <code className={styles.name}>{name}</code>
        <p>
          added <Ago at={secret.created_at} />
          {secret.updated_at !== secret.created_at && (
            <>
              {" "}
              · replaced <Ago at={secret.updated_at} />
            </>
          )}
        </p>
      </div>
      <span className={styles.acts}>
        <Button
          size="xs"
          variant="default"
          aria-label={`Replace the value of ${name}`}
          onClick={() => onAsk({ kind: "replace", name })}
        >
          Replace
        </Button>
        <Button
          size="xs"
          variant="default"
          aria-label={`Remove ${name}`}
          onClick={() => onAsk({ kind: "remove", name })}
        >
          Remove
        </Button>
      </span>
    </li>
  );
}

interface DialogProps {
  /** Whose value is replaced; null for a new one. */
  readonly name: string | null;
  readonly taken: readonly string[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** The value is in this form only, until it is sent: in no cache, no draft and no storage. */
function SecretDialog({ name: known, taken, onClose, onDone }: DialogProps) {
  const [name, setName] = useState(known ?? "");
  const [value, setValue] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, problem, run } = useDeed();
  const id = useId();
  const refused = formErrors(problem);
  const badName = known === null ? wrongName(name, taken) : null;
  const badValue = wrongValue(value);
  const nameError = (tried ? badName : null) ?? refused["name"];
  const valueError = (tried ? badValue : null) ?? refused["value"];
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (badName || badValue || busy) return;
    if (!(await run("put", () => putSecret(name, value)))) return;
    setValue("");
    onDone();
    onClose();
  };
  return (
    <Dialog
      title={known === null ? "New secret" : `Replace the value of “${known}”`}
      onClose={onClose}
      footer={
        <>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" form={id} loading={busy !== null} disabled={!name || !value}>
            {known === null ? "Keep it" : "Replace"}
          </Button>
        </>
      }
    >
      <form id={id} className={styles.form} autoComplete="off" onSubmit={(event) => void submit(event)} noValidate>
        {known === null && (
          <div className={fields.field}>
            <label className={fields.label} htmlFor={`${id}-name`}>
              Name
            </label>
            <input
              id={`${id}-name`}
              className={`${fields.control} ${fields.mono}`}
              value={name}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              placeholder="work"
              data-autofocus
              aria-invalid={nameError ? true : undefined}
              aria-describedby={`${id}-name-about`}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <p className={nameError ? fields.error : fields.about} id={`${id}-name-about`}>
              {nameError ?? "What configs refer to: lower-case letters, digits, - and _."}
            </p>
          </div>
        )}
        <div className={fields.field}>
          <label className={fields.label} htmlFor={`${id}-value`}>
            {known === null ? "Value" : "New value"}
          </label>
          <PasswordInput
            id={`${id}-value`}
            what="value"
            autoComplete="off"
            data-1p-ignore=""
            data-lpignore="true"
            value={value}
            data-autofocus={known === null ? undefined : ""}
            aria-invalid={valueError ? true : undefined}
            aria-describedby={`${id}-value-about`}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
          <p className={valueError ? fields.error : fields.about} id={`${id}-value-about`}>
            {valueError ??
              (known === null
                ? "It is not shown again after this."
                : "Counts at once, for runs that are under way too. The old value is gone.")}
          </p>
        </div>
        {problem && Object.keys(refused).length === 0 && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}

function RemoveDialog({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: () => void }) {
  const { busy, problem, run } = useDeed();
  const remove = async () => {
    if (!(await run("remove", () => deleteSecret(name)))) return;
    onDone();
    onClose();
  };
  return (
    <Dialog
      title={`Remove “${name}”?`}
      onClose={onClose}
      footer={
        <>
          <Button variant="default" data-autofocus onClick={onClose}>
            Keep
          </Button>
          <Button color="red" loading={busy !== null} onClick={() => void remove()}>
            Remove
          </Button>
        </>
      }
    >
      <p>Sessions that refer to it fail at their next call that needs it, and say so. This cannot be taken back.</p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}
