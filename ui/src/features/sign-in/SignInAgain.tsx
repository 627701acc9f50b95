import { useEffect, useRef } from "react";
import { SignInForm } from "./Form";
import styles from "./SignIn.module.css";

/** Over the page when a sign-in ends: the page and what was typed stay where they are. */
export default function SignInAgain({ email, why }: { email: string | null; why: string | null }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      className={styles.over}
      aria-labelledby="sign-in-again"
      onCancel={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.preventDefault(); // a second Escape would close it all the same
      }}
    >
      <div>
        <h2 id="sign-in-again" className={styles.title}>
          Sign in again
        </h2>
        <p className={styles.why} role="status">
          {why ?? "Your sign-in has ended."} This page and what you typed are kept.
        </p>
        <SignInForm email={email ?? ""} next={window.location.pathname + window.location.search} />
      </div>
    </dialog>
  );
}
