import { Button } from "@mantine/core";
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { formErrors } from "@/api/problem";
import type { UserInfo } from "@/api/types";
import { changeUser, createUser, type UserRole } from "@/api/users";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { Once } from "@/components/Once";
import { PasswordInput } from "@/components/PasswordInput";
import { ErrorState } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { newPassword } from "@/lib/password";
import styles from "./People.module.css";

const TELL = "Hand it over by a safe way: it is not shown again. They can change it in their profile.";

export function NewPersonDialog({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<UserRole>("member");
  const [password, setPassword] = useState("");
  const [generated, setGenerated] = useState(true);
  const [made, setMade] = useState<string | null>(null);
  const { busy, problem, run } = useDeed();
  const errors = formErrors(problem);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const given = generated ? newPassword() : password;
    const worked = await run("make", () => createUser({ name: name.trim(), email: email.trim(), role, password: given }));
    if (!worked) return;
    onMade();
    if (generated) setMade(given);
    else onClose();
  };
  if (made !== null)
    return (
      <Dialog title={`${name.trim()} can sign in`} onClose={onClose} footer={<Button onClick={onClose}>Done</Button>}>
        <p>{email.trim()}</p>
        <Once label="Password" text={made} about={TELL} />
      </Dialog>
    );
  return (
    <Dialog
      title="New person"
      onClose={onClose}
      footer={
        <>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" form="new-person" loading={busy !== null} disabled={!name.trim() || !email.trim()}>
            Make account
          </Button>
        </>
      }
    >
      <form id="new-person" className={styles.form} autoComplete="off" onSubmit={(event) => void submit(event)}>
        <label className={fields.field}>
          <span className={fields.label}>Name</span>
          <input
            className={fields.control}
            value={name}
            maxLength={200}
            required
            autoComplete="off"
            data-autofocus
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {errors["name"] && <span className={fields.error}>{errors["name"]}</span>}
        </label>
        <label className={fields.field}>
          <span className={fields.label}>E-mail</span>
          <input
            className={fields.control}
            type="email"
            value={email}
            required
            autoComplete="off"
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          {errors["email"] && <span className={fields.error}>{errors["email"]}</span>}
        </label>
        <label className={fields.field}>
          <span className={fields.label}>Role</span>
          <select
            className={fields.control}
            value={role}
            onChange={(event) => setRole(event.currentTarget.value as UserRole)}
          >
            <option value="member">Member: own sessions and what is shared with them</option>
            <option value="admin">Administrator: the whole server</option>
          </select>
        </label>
        <Password
          generated={generated}
          onGenerated={setGenerated}
          password={password}
          onPassword={setPassword}
          error={errors["password"]}
        />
        {problem && Object.keys(errors).length === 0 && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}

export function PasswordDialog({ user, onClose }: { user: UserInfo; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [generated, setGenerated] = useState(true);
  const [made, setMade] = useState<string | null>(null);
  const { busy, problem, run } = useDeed();
  const errors = formErrors(problem);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const given = generated ? newPassword() : password;
    if (!(await run("change", () => changeUser(user.user_id, { password: given })))) return;
    if (generated) setMade(given);
    else onClose();
  };
  if (made !== null)
    return (
      <Dialog title={`New password for ${user.name}`} onClose={onClose} footer={<Button onClick={onClose}>Done</Button>}>
        <Once label="Password" text={made} about={TELL} />
      </Dialog>
    );
  return (
    <Dialog
      title={`New password for ${user.name}`}
      onClose={onClose}
      footer={
        <>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" form="new-password" loading={busy !== null}>
            Give it
          </Button>
        </>
      }
    >
      <form id="new-password" className={styles.form} autoComplete="off" onSubmit={(event) => void submit(event)}>
        <p>The old one stops working, and all their sign-ins end.</p>
        <Password
          generated={generated}
          onGenerated={setGenerated}
          password={password}
          onPassword={setPassword}
          error={errors["password"]}
        />
        {problem && Object.keys(errors).length === 0 && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}

function Password(props: {
  generated: boolean;
  onGenerated: (generated: boolean) => void;
  password: string;
  onPassword: (password: string) => void;
  error: string | undefined;
}) {
  const { generated, onGenerated, password, onPassword, error } = props;
  const id = useId();
  return (
    <fieldset className={fields.options}>
      <legend className={fields.label}>Password</legend>
      <label className={fields.option}>
        <input type="radio" name="password-from" checked={generated} onChange={() => onGenerated(true)} />
        <span>Made here and shown once</span>
      </label>
      <label className={fields.option}>
        <input type="radio" name="password-from" checked={!generated} onChange={() => onGenerated(false)} />
        <span>Typed</span>
      </label>
      {!generated && (
        <div className={fields.field}>
          <label className="visually-hidden" htmlFor={id}>
            Typed password
          </label>
          <PasswordInput
            id={id}
            autoComplete="new-password"
            required
            minLength={12}
            value={password}
            onChange={(event) => onPassword(event.currentTarget.value)}
          />
          <p className={fields.about}>At least 12 characters; a few words are good.</p>
          {error && <p className={fields.error}>{error}</p>}
        </div>
      )}
    </fieldset>
  );
}

interface SureProps {
  readonly title: string;
  readonly word: string;
  readonly deed: () => Promise<unknown>;
  readonly children: ReactNode;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function SureDialog({ title, word, deed, children, onClose, onDone }: SureProps) {
  const { busy, problem, run } = useDeed();
  const go = async () => {
    if (!(await run("go", deed))) return;
    onDone();
    onClose();
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button variant="default" data-autofocus onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" loading={busy !== null} onClick={() => void go()}>
            {word}
          </Button>
        </>
      }
    >
      <p>{children}</p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}
