import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { signOut } from "@/api/auth";
import { useMe } from "@/components/Access";
import { Face } from "@/components/Face";
import { Menu } from "@/components/Menu";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import styles from "./People.module.css";

/** Who is on this page, and the way out. Nothing on a server with one local user. */
export function UserMenu() {
  const me = useMe();
  const navigate = useNavigate();
  const { problem, run, clear } = useDeed();
  const [left, setLeft] = useState(false);
  if (!me || me.auth === "local") return null;
  const leave = async () => {
    setLeft(true);
    if (await run("out", signOut)) window.location.assign("/sign-in");
    else setLeft(false);
  };
  return (
    <>
      <Menu
        label={`Account of ${me.name}`}
        face={<Face id={me.user_id} name={me.name} />}
        head={
          <div className={styles.who}>
            <strong>{me.name}</strong>
            <span>{me.email}</span>
            <span>{me.role === "admin" ? "Administrator" : "Member"}</span>
          </div>
        }
        items={[
          {
            label: "Profile and sign-ins",
            icon: "user",
            onPress: () => void navigate({ to: "/settings/$part", params: { part: "profile" } }),
          },
          {
            label: "API keys",
            icon: "key",
            onPress: () => void navigate({ to: "/settings/$part", params: { part: "keys" } }),
          },
          ...(me.role === "admin"
            ? [
                {
                  label: "People",
                  icon: "users" as const,
                  onPress: () => void navigate({ to: "/settings/$part", params: { part: "people" } }),
                },
              ]
            : []),
          { label: "Sign out", icon: "leave", disabled: left && "Signing out", onPress: () => void leave() },
        ]}
      />
      {problem && (
        <Dialog title="You are still signed in" onClose={clear}>
          <ErrorState problem={problem} />
        </Dialog>
      )}
    </>
  );
}
