import { useState, type InputHTMLAttributes } from "react";
import fields from "./form/form.module.css";
import styles from "./PasswordInput.module.css";

type Props = InputHTMLAttributes<HTMLInputElement> & {
  /** `current-password` or `new-password`: what a password manager is to offer. */
  readonly autoComplete: "current-password" | "new-password";
};

/** A password, hidden until the person wants to see it. */
export function PasswordInput(props: Props) {
  const [shown, setShown] = useState(false);
  return (
    <span className={styles.field}>
      <input
        {...props}
        type={shown ? "text" : "password"}
        className={fields.control}
        autoCapitalize="none"
        spellCheck={false}
      />
      <button
        type="button"
        className={styles.show}
        aria-pressed={shown}
        aria-label="Show the password"
        onClick={() => setShown(!shown)}
      >
        {shown ? "Hide" : "Show"}
      </button>
    </span>
  );
}
