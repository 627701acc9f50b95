import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { getMethods, oidcUrl, register, signIn } from "@/api/auth";
import { asProblem, formErrors, type Problem } from "@/api/problem";
import type { Methods } from "@/api/types";
import fields from "@/components/form/form.module.css";
import { PasswordInput } from "@/components/PasswordInput";
import { ErrorState, Loading } from "@/components/States";
import { keepJoin } from "./join";
import styles from "./SignIn.module.css";

interface Props {
  /** Known from before; can be changed. */
  readonly email?: string;
  /** Where an identity provider leads back to. */
  readonly next: string;
}

/** E-mail and password, identity providers, or an account of one's own where the server is open for that. */
export function SignInForm({ email = "", next }: Props) {
  const methods = useQuery({ queryKey: ["auth-methods"], queryFn: getMethods });
  const [registering, setRegistering] = useState(false);
  if (methods.error && !methods.data)
    return <ErrorState problem={asProblem(methods.error)} onRetry={() => void methods.refetch()} />;
  if (!methods.data) return <Loading rows={3} />;
  const { password, oidc, registration } = methods.data;
  return (
    <>
      {password && <Credentials key={String(registering)} email={email} registering={registering} />}
      {password && oidc.length > 0 && <div className={styles.or}>or</div>}
      {oidc.length > 0 && <Providers oidc={oidc} next={next} />}
      {password && registration && (
        <button type="button" className={styles.link} onClick={() => setRegistering(!registering)}>
          {registering ? "I have an account: sign in" : "Make an account"}
        </button>
      )}
      {password && !registration && (
        <p className={styles.note}>No account, or the password is lost? An administrator of this server can help.</p>
      )}
    </>
  );
}

function Providers({ oidc, next }: { oidc: Methods["oidc"]; next: string }) {
  return (
    <div className={styles.others}>
      {oidc.map((each) => (
        <Button key={each.id} component="a" href={oidcUrl(each.id, next)} variant="default" size="md" onClick={keepJoin}>
          Sign in with {each.label}
        </Button>
      ))}
    </div>
  );
}

function Credentials({ email: known, registering }: { email: string; registering: boolean }) {
  const [email, setEmail] = useState(known);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const wrong = useId();
  const errors = formErrors(problem);
  useEffect(() => form.current?.querySelector<HTMLElement>("[data-autofocus]")?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      if (registering) await register(email.trim(), name.trim(), password);
      else await signIn(email.trim(), password);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
      // what is most likely to be wrong, ready to be typed again
      requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>("[name=password]")?.select());
    }
  };
  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} method="post">
      <label className={fields.field}>
        <span className={fields.label}>E-mail</span>
        <input
          className={fields.control}
          type="email"
          name="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          data-autofocus={known ? undefined : ""}
          value={email}
          aria-invalid={errors["email"] ? true : undefined}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        {errors["email"] && <span className={fields.error}>{errors["email"]}</span>}
      </label>
      {registering && (
        <label className={fields.field}>
          <span className={fields.label}>Name</span>
          <input
            className={fields.control}
            name="name"
            autoComplete="name"
            required
            maxLength={200}
            value={name}
            aria-invalid={errors["name"] ? true : undefined}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {errors["name"] && <span className={fields.error}>{errors["name"]}</span>}
        </label>
      )}
      <div className={fields.field}>
        <label className={fields.label} htmlFor={`${wrong}-password`}>
          Password
        </label>
        <PasswordInput
          id={`${wrong}-password`}
          name="password"
          autoComplete={registering ? "new-password" : "current-password"}
          required
          data-autofocus={known ? "" : undefined}
          value={password}
          aria-invalid={problem?.status === 401 || errors["password"] ? true : undefined}
          aria-describedby={problem ? wrong : undefined}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
      </div>
      {problem && (
        <p className={styles.wrong} role="alert" id={wrong}>
          {errors["password"] ?? wordsOf(problem)}
        </p>
      )}
      <Button type="submit" size="md" loading={busy}>
        {registering ? "Make the account" : "Sign in"}
      </Button>
    </form>
  );
}

function wordsOf(problem: Problem): string {
  const seconds = Number(problem.fields["retry_after"]);
  if (problem.status === 429)
    return `Too many attempts. Try again ${seconds > 0 ? `in ${Math.ceil(seconds)} s` : "in a minute"}.`;
  return problem.message;
}
