import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { listKeys, makeKey, revokeKey, type Scope } from "@/api/auth";
import { asProblem, formErrors } from "@/api/problem";
import type { KeyInfo } from "@/api/types";
import { useMe } from "@/components/Access";
import { Ago } from "@/components/Ago";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { Once } from "@/components/Once";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import styles from "./Settings.module.css";

const SCOPES: readonly (readonly [Scope, string])[] = [
  ["read", "Read and watch"],
  ["work", "Also start, write, answer, pause and resume"],
  ["manage", "Also share and delete"],
  ["admin", "Also administer the server"],
];
const EXPIRIES: readonly (readonly [string, string])[] = [
  ["7", "in 7 days"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
  ["", "never"],
];

/** Keys with which programs act for the person. */
export default function Keys() {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ["keys"], queryFn: listKeys });
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<KeyInfo | null>(null);
  const { busy, problem, run } = useDeed();
  const refresh = () => queries.invalidateQueries({ queryKey: ["keys"] });
  const revoke = async (key: KeyInfo) => {
    if (await run("revoke", () => revokeKey(key.key_id))) setRevoking(null);
    await refresh();
  };
  return (
    <section className={styles.wide} aria-labelledby="keys-title">
      <header>
        <h2 id="keys-title">API keys</h2>
        <Button leftSection={<Icon name="plus" />} onClick={() => setMaking(true)}>
          New key
        </Button>
      </header>
      <p className={styles.note}>
        A program that shows a key acts as you, as far as the key goes: <code>Authorization: Bearer pdk_…</code>
      </p>
      {query.error && !query.data ? (
        <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Loading rows={3} />
      ) : query.data.length === 0 ? (
        <EmptyState>Keys that you make for programs appear here.</EmptyState>
      ) : (
        <ul className={styles.rows} aria-label="API keys">
          {query.data.map((key) => (
            <li key={key.key_id}>
              <div>
                <strong>{key.name}</strong> <code>pdk_{key.prefix}_…</code>
                {hasEnded(key) && <span className={styles.tag} data-kind="over">expired</span>}
                <p>
                  {key.scopes.join(", ")} · made <Ago at={key.created_at} /> ·{" "}
                  {key.last_used_at ? (
                    <>
                      last used <Ago at={key.last_used_at} />
                    </>
                  ) : (
                    "never used"
                  )}{" "}
                  · {endOf(key)}
                </p>
              </div>
              <Button size="xs" variant="default" aria-label={`Revoke ${key.name}`} onClick={() => setRevoking(key)}>
                Revoke
              </Button>
            </li>
          ))}
        </ul>
      )}
      {making && <NewKeyDialog onClose={() => setMaking(false)} onMade={() => void refresh()} />}
      {revoking && (
        <Dialog
          title={`Revoke “${revoking.name}”?`}
          onClose={() => setRevoking(null)}
          footer={
            <>
              <Button variant="default" data-autofocus onClick={() => setRevoking(null)}>
                Keep
              </Button>
              <Button color="red" loading={busy !== null} onClick={() => void revoke(revoking)}>
                Revoke
              </Button>
            </>
          }
        >
          <p>Programs that use it are refused from now on. This cannot be taken back.</p>
          {problem && <ErrorState problem={problem} />}
        </Dialog>
      )}
    </section>
  );
}

function hasEnded(key: KeyInfo): boolean {
  return key.expires_at !== null && Date.parse(key.expires_at) <= Date.now();
}

function endOf(key: KeyInfo): string {
  if (!key.expires_at) return "does not end";
  const date = new Date(key.expires_at).toLocaleDateString(undefined, { dateStyle: "medium" });
  return `${hasEnded(key) ? "ended" : "ends"} ${date}`;
}

function NewKeyDialog({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const isAdmin = useMe()?.role === "admin";
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("work");
  const [days, setDays] = useState("90");
  const [made, setMade] = useState<string | null>(null);
  const { busy, problem, run } = useDeed();
  const errors = formErrors(problem);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    await run("make", async () => {
      const wanted = { name: name.trim(), scopes: [scope], ...(days ? { expires_in_days: Number(days) } : {}) };
      setMade((await makeKey(wanted)).key);
      onMade();
    });
  };
  if (made !== null)
    return (
      <Dialog title={`The key “${name.trim()}”`} onClose={onClose} footer={<Button onClick={onClose}>Done</Button>}>
        <Once label="The new key" text={made} about="Copy it now: it is not shown again." />
      </Dialog>
    );
  return (
    <Dialog
      title="New key"
      onClose={onClose}
      footer={
        <>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" form="new-key" loading={busy !== null} disabled={!name.trim()}>
            Make the key
          </Button>
        </>
      }
    >
      <form id="new-key" className={styles.form} onSubmit={(event) => void submit(event)}>
        <label className={fields.field}>
          <span className={fields.label}>Name</span>
          <input
            className={fields.control}
            value={name}
            maxLength={200}
            autoComplete="off"
            placeholder="What it is for"
            data-autofocus
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {errors["name"] && <span className={fields.error}>{errors["name"]}</span>}
        </label>
        <fieldset className={fields.options}>
          <legend className={fields.label}>What it may do</legend>
          {SCOPES.filter(([each]) => each !== "admin" || isAdmin).map(([each, words]) => (
            <label key={each} className={fields.option}>
              <input type="radio" name="scope" checked={scope === each} onChange={() => setScope(each)} />
              <span>
                <strong>{each}</strong> {words}
              </span>
            </label>
          ))}
        </fieldset>
        <label className={fields.field}>
          <span className={fields.label}>Ends</span>
          <select className={fields.control} value={days} onChange={(event) => setDays(event.currentTarget.value)}>
            {EXPIRIES.map(([each, words]) => (
              <option key={each} value={each}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {problem && !errors["name"] && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}
