import { useEffect } from "react";
import { Brand } from "@/components/Brand";
import { SignInForm } from "./Form";
import styles from "./SignIn.module.css";

/** In place of every page while nobody is signed in; the address stays, and so the page that was wanted comes after. */
export default function SignInScreen({ why }: { why: string | null }) {
  useEffect(() => {
    document.title = "Sign in · Perdure";
  }, []);
  return (
    <main className={styles.screen}>
      <span className={styles.brand}>
        <Brand size={24} /> Perdure
      </span>
      <div className={styles.card}>
        <h1>{window.location.pathname === "/join" ? "Sign in to open what was shared with you" : "Sign in"}</h1>
        {why && (
          <p className={styles.why} role="status">
            {why}
          </p>
        )}
        <SignInForm next={nextOf(window.location)} />
      </div>
    </main>
  );
}

/** Where somebody wanted to go: this page, or what the sign-in page was told. */
function nextOf(location: Location): string {
  const next = location.pathname === "/sign-in" ? new URLSearchParams(location.search).get("next") : null;
  return next ?? (location.pathname === "/sign-in" ? "/" : location.pathname + location.search);
}
