import { Button, TextInput } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import type { UserInfo } from "@/api/types";
import { changeUser, listUsers, signOutUser } from "@/api/users";
import { useMe } from "@/components/Access";
import { Ago } from "@/components/Ago";
import { Face } from "@/components/Face";
import { Icon } from "@/components/Icon";
import { Menu } from "@/components/Menu";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { useDelayed } from "@/lib/delayed";
import { NewPersonDialog, PasswordDialog, SureDialog } from "./dialogs";
import styles from "./People.module.css";

type Asking =
  | { readonly kind: "new" }
  | { readonly kind: "password" | "disable" | "sign-out"; readonly user: UserInfo }
  | null;

/** Who may sign in to this server; for its administrators. */
export default function People() {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const search = useDelayed(text.trim());
  const query = useQuery({
    queryKey: ["users", search],
    queryFn: () => listUsers(search),
    placeholderData: keepPreviousData,
  });
  const [asking, setAsking] = useState<Asking>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: ["users"] });
  const page = query.data;
  return (
    <section className={styles.people} aria-labelledby="people-title">
      <header>
        <h2 id="people-title">
          People {page && <span className={styles.note}>{page.total}</span>}
        </h2>
        <Button leftSection={<Icon name="plus" />} onClick={() => setAsking({ kind: "new" })}>
          New person
        </Button>
      </header>
      <TextInput
        type="search"
        aria-label="Search people"
        placeholder="Part of a name or address"
        leftSection={<Icon name="search" />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        className={styles.search ?? ""}
      />
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      {!page ? (
        !query.error && <Loading rows={5} label="Loading people" />
      ) : page.users.length === 0 ? (
        <EmptyState
          action={
            <Button variant="default" size="xs" onClick={() => setText("")}>
              Clear search
            </Button>
          }
        >
          Nobody matches “{search}”.
        </EmptyState>
      ) : (
        <ul className={styles.rows} aria-label="People">
          {page.users.map((user) => (
            <Person key={user.user_id} user={user} onAsk={setAsking} onChanged={refresh} />
          ))}
        </ul>
      )}
      {page && page.total > page.users.length && (
        <p className={styles.note}>
          The first {page.users.length} of {page.total}. Search to find the others.
        </p>
      )}
      {asking?.kind === "new" && <NewPersonDialog onClose={() => setAsking(null)} onMade={() => void refresh()} />}
      {asking?.kind === "password" && <PasswordDialog user={asking.user} onClose={() => setAsking(null)} />}
      {asking?.kind === "disable" && (
        <SureDialog
          title={`Disable ${asking.user.name}?`}
          word="Disable"
          deed={() => changeUser(asking.user.user_id, { disabled: true })}
          onClose={() => setAsking(null)}
          onDone={() => void refresh()}
        >
          They are signed out at once and cannot sign in, and their API keys stop working. Sessions and shares stay.
        </SureDialog>
      )}
      {asking?.kind === "sign-out" && (
        <SureDialog
          title={`Sign ${asking.user.name} out everywhere?`}
          word="Sign out everywhere"
          deed={() => signOutUser(asking.user.user_id)}
          onClose={() => setAsking(null)}
          onDone={() => void refresh()}
        >
          All their browsers and programs have to sign in again. API keys stay.
        </SureDialog>
      )}
    </section>
  );
}

function Person({
  user,
  onAsk,
  onChanged,
}: {
  user: UserInfo;
  onAsk: (asking: Asking) => void;
  onChanged: () => Promise<void>;
}) {
  const me = useMe();
  const { busy, problem, run } = useDeed();
  const isMe = me?.user_id === user.user_id;
  const change = async (what: Parameters<typeof changeUser>[1]) => {
    await run("change", () => changeUser(user.user_id, what));
    await onChanged();
  };
  const isAdmin = user.role === "admin";
  const accountless = user.email === null;
  return (
    <li className={styles.row} data-off={user.disabled_at ? "" : undefined} aria-busy={busy !== null}>
      <Face id={user.user_id} name={user.name} />
      <div>
        <strong>{user.name}</strong>
        {isAdmin && <span className={styles.tag}>administrator</span>}
        {user.disabled_at && (
          <span className={styles.tag} data-kind="off">
            disabled
          </span>
        )}
        {isMe && <span className={styles.tag}>you</span>}
        <p>
          {user.email ? `${user.email} · ` : "the one user while sign-in is off · "}
          {user.last_seen_at ? (
            <>
              seen <Ago at={user.last_seen_at} />
            </>
          ) : user.email ? (
            "never signed in"
          ) : (
            "cannot sign in"
          )}
        </p>
      </div>
      <span />
      <Menu
        label={`More for ${user.name}`}
        items={
          accountless
            ? []
            : [
                {
                  label: isAdmin ? "Make a member" : "Make an administrator",
                  icon: "shield",
                  onPress: () => void change({ role: isAdmin ? "member" : "admin" }),
                },
                { label: "Give a new password…", icon: "key", onPress: () => onAsk({ kind: "password", user }) },
                { label: "Sign out everywhere…", icon: "leave", onPress: () => onAsk({ kind: "sign-out", user }) },
                user.disabled_at
                  ? { label: "Enable", icon: "check", onPress: () => void change({ disabled: false }) }
                  : { label: "Disable…", icon: "off", danger: true, onPress: () => onAsk({ kind: "disable", user }) },
              ]
        }
      />
      {problem && (
        <p className={styles.refused} role="alert">
          {problem.message}
        </p>
      )}
    </li>
  );
}
