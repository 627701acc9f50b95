import { useState, type InputHTMLAttributes } from "react";
import fields from "./form/form.module.css";
import styles from "./PasswordInput.module.css";

type Props = InputHTMLAttributes<HTMLInputElement> & {
  /** What a password manager is to offer; `off` for what is no password of a person. */
  readonly autoComplete: "current-password" | "new-password" | "off";
  /** What it is called where it is no password. */
  readonly what?: string;
};

/** A password or another secret, hidden until the person wants to see it. */
export function PasswordInput({ what = "password", ...props }: Props) {
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
        aria-label={`Show the ${what}`}
        onClick={() => setShown(!shown)}
      >
        {shown ? "Hide" : "Show"}
      </button>
    </span>
  );
}
