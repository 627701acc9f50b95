import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState, type FormEvent } from "react";
import { changeMe, endSignIn, listSignIns, signOutEverywhere } from "@/api/auth";
import { asProblem, formErrors } from "@/api/problem";
import type { Me, SignInInfo } from "@/api/types";
import { useMe } from "@/components/Access";
import { Ago } from "@/components/Ago";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { PasswordInput } from "@/components/PasswordInput";
import { ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { programOf } from "@/lib/program";
import styles from "./Settings.module.css";

const MIN_PASSWORD = 12;

/** One's own account. */
export default function Profile() {
  const me = useMe();
  if (!me) return <Loading />;
  return (
    <div className={styles.settings}>
      <Name key={me.name} me={me} />
      <Password me={me} />
      <SignIns />
    </div>
  );
}

function Name({ me }: { me: Me }) {
  const queries = useQueryClient();
  const [name, setName] = useState(me.name);
  const { busy, problem, run } = useDeed();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    await run("save", async () => queries.setQueryData(["me"], await changeMe({ name: name.trim() })));
  };
  const wrong = formErrors(problem)["name"];
  return (
    <section aria-labelledby="profile-name">
      <h2 id="profile-name">Name</h2>
      <form className={styles.line} onSubmit={(event) => void save(event)}>
        <input
          className={fields.control}
          aria-label="Name"
          autoComplete="name"
          value={name}
          maxLength={200}
          required
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" loading={busy !== null} disabled={!name.trim() || name.trim() === me.name}>
          Save
        </Button>
      </form>
      <p className={styles.note}>
        {me.email} · {me.role === "admin" ? "administrator" : "member"}
      </p>
      {problem && (wrong ? <p className={fields.error}>{wrong}</p> : <ErrorState problem={problem} />)}
    </section>
  );
}

function Password({ me }: { me: Me }) {
  const queries = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [done, setDone] = useState(false);
  const { busy, problem, run } = useDeed();
  const id = useId();
  const errors = formErrors(problem);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setDone(false);
    const worked = await run("save", () => changeMe({ current_password: current, new_password: next }));
    if (!worked) return;
    setCurrent("");
    setNext("");
    setDone(true);
    void queries.invalidateQueries({ queryKey: ["sign-ins"] });
  };
  return (
    <section aria-labelledby="profile-password">
      <h2 id="profile-password">Password</h2>
      <form className={styles.form} onSubmit={(event) => void save(event)}>
        <input type="hidden" name="username" autoComplete="username" value={me.email ?? ""} readOnly />
        <div className={fields.field}>
          <label className={fields.label} htmlFor={`${id}-current`}>
            Current password
          </label>
          <PasswordInput
            id={`${id}-current`}
            autoComplete="current-password"
            required
            value={current}
            aria-invalid={errors["current_password"] ? true : undefined}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
          {errors["current_password"] && <p className={fields.error}>{errors["current_password"]}</p>}
        </div>
        <div className={fields.field}>
          <label className={fields.label} htmlFor={`${id}-next`}>
            New password
          </label>
          <PasswordInput
            id={`${id}-next`}
            autoComplete="new-password"
            required
            minLength={MIN_PASSWORD}
            value={next}
            aria-invalid={(errors["new_password"] ?? errors["password"]) ? true : undefined}
            onChange={(event) => setNext(event.currentTarget.value)}
          />
          <p className={fields.about}>At least {MIN_PASSWORD} characters; a few words are good. All other sign-ins end.</p>
          {(errors["new_password"] ?? errors["password"]) && (
            <p className={fields.error}>{errors["new_password"] ?? errors["password"]}</p>
          )}
        </div>
        {problem && Object.keys(errors).length === 0 && <ErrorState problem={problem} />}
        <div>
          <Button type="submit" variant="default" loading={busy !== null} disabled={!current || !next}>
            Change the password
          </Button>
        </div>
        <p role="status" className={styles.note}>
          {done && "Changed. All your other sign-ins have ended."}
        </p>
      </form>
    </section>
  );
}

function SignIns() {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ["sign-ins"], queryFn: listSignIns });
  const { busy, problem, run } = useDeed();
  const [asking, setAsking] = useState(false);
  const end = async (signIn: SignInInfo) => {
    await run(signIn.sign_in_id, () => endSignIn(signIn.sign_in_id));
    await queries.invalidateQueries({ queryKey: ["sign-ins"] });
  };
  const everywhere = async () => {
    if (await run("everywhere", signOutEverywhere)) window.location.assign("/sign-in");
  };
  return (
    <section aria-labelledby="profile-sign-ins">
      <h2 id="profile-sign-ins">Where you are signed in</h2>
      {query.error && !query.data ? (
        <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Loading rows={2} />
      ) : (
        <ul className={styles.rows} aria-label="Sign-ins">
          {query.data.map((each) => (
            <li key={each.sign_in_id}>
              <div>
                <strong>{programOf(each.source)}</strong>
                {each.current && <span className={styles.tag}>this one</span>}
                <p title={each.source ?? undefined}>
                  {addressOf(each.source)}
                  {each.method !== "password" && ` · by ${each.method.replace(/^oidc:/, "")}`} · since{" "}
                  <Ago at={each.created_at} /> · last used <Ago at={each.last_used_at} />
                </p>
              </div>
              {!each.current && (
                <Button
                  size="xs"
                  variant="default"
                  loading={busy === each.sign_in_id}
                  onClick={() => void end(each)}
                  aria-label={`End the sign-in of ${programOf(each.source)}`}
                >
                  End
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {problem && <ErrorState problem={problem} />}
      <Button variant="default" onClick={() => setAsking(true)}>
        Sign out everywhere…
      </Button>
      {asking && (
        <Dialog
          title="Sign out everywhere?"
          onClose={() => setAsking(false)}
          footer={
            <>
              <Button variant="default" data-autofocus onClick={() => setAsking(false)}>
                Cancel
              </Button>
              <Button loading={busy === "everywhere"} onClick={() => void everywhere()}>
                Sign out everywhere
              </Button>
            </>
          }
        >
          <p>All your browsers and programs that are signed in have to sign in again, this one too. API keys stay.</p>
        </Dialog>
      )}
    </section>
  );
}

function addressOf(source: string | null): string {
  return source?.split(" ")[0] || "address not known";
}
