import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { asProblem } from "@/api/problem";
import { addShare, changeShare, listShares, removeShare, type ShareChange, type ShareRole } from "@/api/shares";
import type { Me, ShareInfo } from "@/api/types";
import { useMe } from "@/components/Access";
import { Dialog } from "@/components/Dialog";
import { Face } from "@/components/Face";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { may, ROLE_ABOUT, ROLE_WORD } from "@/lib/access";
import { useNow } from "@/lib/now";
import { endOf, endWords, hasEnded, SHARE_ENDS } from "./expiry";
import { Links } from "./Links";
import styles from "./Sharing.module.css";

interface Props {
  readonly sessionId: string;
  readonly name: string;
  /** What the person on this page is to the session. */
  readonly role: string | null;
  readonly ownerName: string | null;
  readonly onClose: () => void;
  /** The person gave up their own share. */
  readonly onLeft: () => void;
}

export const ROLES: readonly ShareRole[] = ["view", "edit", "admin"];

/** Who else may do what in a session: people, and links that let in whoever has them. */
export default function ShareDialog({ sessionId, name, role, ownerName, onClose, onLeft }: Props) {
  const me = useMe();
  const mayShare = may(role, "share");
  const query = useQuery({
    queryKey: ["shares", sessionId],
    queryFn: () => listShares(sessionId),
    staleTime: 0,
    enabled: mayShare, // whoever may not share it is not told with whom it is
  });
  const isOwner = role === "owner" || role === null;
  return (
    <Dialog title={`${mayShare ? "Share" : "Your access to"} “${name || "Untitled"}”`} onClose={onClose} wide>
      <div className={styles.body}>
        {mayShare && <AddPerson sessionId={sessionId} />}
        <section aria-labelledby="share-people">
          <h3 id="share-people">People</h3>
          {query.error && !query.data ? (
            <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
          ) : mayShare && !query.data ? (
            <Loading rows={2} />
          ) : (
            <ul className={styles.rows} aria-label="People with access">
              <li>
                <Icon name="user" />
                <div>
                  <strong>{isOwner ? (me?.name ?? "You") : (ownerName ?? "The owner")}</strong>
                  <p>{isOwner ? "you, the owner" : "owner"}</p>
                </div>
              </li>
              {!mayShare && me && role && <Mine sessionId={sessionId} me={me} role={role} onLeft={onLeft} />}
              {query.data?.map((share) => (
                <Person
                  key={share.share_id}
                  sessionId={sessionId}
                  share={share}
                  mine={share.user_id === me?.user_id}
                  mayShare={mayShare}
                  onLeft={onLeft}
                />
              ))}
            </ul>
          )}
          {!mayShare && (
            <p className={styles.note}>
              The owner, and people who can manage it, share it with others; whom, only they are told.
            </p>
          )}
        </section>
        {mayShare && <Links sessionId={sessionId} />}
      </div>
    </Dialog>
  );
}

function AddPerson({ sessionId }: { sessionId: string }) {
  const queries = useQueryClient();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<ShareRole>("view");
  const [hours, setHours] = useState("");
  const { busy, problem, run, clear } = useDeed();
  const add = async (event: FormEvent) => {
    event.preventDefault();
    const expires_at = endOf(hours, Date.now());
    const share = { email: email.trim(), role, ...(expires_at ? { expires_at } : {}) };
    if (await run("add", () => addShare(sessionId, share))) setEmail("");
    await queries.invalidateQueries({ queryKey: ["shares", sessionId] });
  };
  return (
    <section aria-label="Add somebody">
      <form className={styles.add} onSubmit={(event) => void add(event)}>
        <input
          className={fields.control}
          type="email"
          aria-label="E-mail of a person"
          placeholder="E-mail of a person"
          autoComplete="off"
          required
          data-autofocus
          value={email}
          onChange={(event) => {
            clear();
            setEmail(event.currentTarget.value);
          }}
        />
        <RoleSelect label="Role" value={role} onChange={setRole} />
        <select
          className={fields.control}
          aria-label="How long"
          value={hours}
          onChange={(event) => setHours(event.currentTarget.value)}
        >
          {SHARE_ENDS.map(([each, words]) => (
            <option key={each} value={each}>
              {words}
            </option>
          ))}
        </select>
        <Button type="submit" loading={busy !== null} disabled={!email.trim()}>
          Share
        </Button>
      </form>
      <p className={styles.note}>{ROLE_ABOUT[role]}</p>
      {problem && (
        <p className={styles.refused} role="alert">
          {problem.message}
        </p>
      )}
    </section>
  );
}

export function RoleSelect(props: {
  label: string;
  value: ShareRole;
  onChange: (role: ShareRole) => void;
  disabled?: boolean;
}) {
  const { label, value, onChange, disabled } = props;
  return (
    <select
      className={fields.control}
      aria-label={label}
      value={value}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.value as ShareRole)}
    >
      {ROLES.map((each) => (
        <option key={each} value={each}>
          {ROLE_WORD[each]}
        </option>
      ))}
    </select>
  );
}

/** One's own share, for whoever is not told of the others. */
function Mine(props: { sessionId: string; me: Me; role: string; onLeft: () => void }) {
  const { sessionId, me, role, onLeft } = props;
  const { busy, problem, run } = useDeed();
  const leave = async () => {
    if (await run("leave", () => removeShare(sessionId, me.user_id))) onLeft();
  };
  return (
    <li>
      <Face id={me.user_id} name={me.name} />
      <div>
        <strong>{me.name}</strong> (you)
        {problem && (
          <p className={styles.refused} role="alert">
            {problem.message}
          </p>
        )}
      </div>
      <span className={styles.note}>{ROLE_WORD[role]}</span>
      <Button
        size="xs"
        variant="default"
        loading={busy !== null}
        aria-label="Leave this session"
        onClick={() => void leave()}
      >
        Leave
      </Button>
    </li>
  );
}

interface PersonProps {
  readonly sessionId: string;
  readonly share: ShareInfo;
  readonly mine: boolean;
  readonly mayShare: boolean;
  readonly onLeft: () => void;
}

function Person({ sessionId, share, mine, mayShare, onLeft }: PersonProps) {
  const queries = useQueryClient();
  const { busy, problem, run } = useDeed();
  const now = useNow();
  const ended = hasEnded(share.expires_at, now);
  const act = async (name: string, deed: () => Promise<unknown>) => {
    const worked = await run(name, deed);
    if (worked && mine && name === "remove") return onLeft();
    await queries.invalidateQueries({ queryKey: ["shares", sessionId] });
  };
  const change = (what: ShareChange) => void act("change", () => changeShare(sessionId, share.share_id, what));
  const changes = mayShare && !mine && !ended;
  return (
    <li aria-busy={busy !== null} data-ended={ended || undefined}>
      <Face id={share.user_id} name={share.name} />
      <div>
        <strong>{share.name}</strong>
        {mine && " (you)"}
        <p>
          {share.email}
          {(!changes || share.expires_at) && <> · {endWords(share.expires_at, now)}</>}
        </p>
        {problem && (
          <p className={styles.refused} role="alert">
            {problem.message}
          </p>
        )}
      </div>
      {changes ? (
        <span className={styles.may}>
          <RoleSelect
            label={`Role of ${share.name}`}
            value={share.role}
            disabled={busy !== null}
            onChange={(role) => change({ role })}
          />
          <select
            className={fields.control}
            aria-label={`How long ${share.name} has it`}
            value=""
            disabled={busy !== null}
            onChange={(event) => change({ expires_at: endOf(event.currentTarget.value.replace("none", ""), Date.now()) })}
          >
            <option value="">{share.expires_at ? "change the end" : "for good"}</option>
            {SHARE_ENDS.map(([each, words]) =>
              each === "" ? (
                share.expires_at && (
                  <option key={each} value="none">
                    {words}
                  </option>
                )
              ) : (
                <option key={each} value={each}>
                  {words} from now
                </option>
              ),
            )}
          </select>
        </span>
      ) : (
        <span className={styles.note}>{ended ? "ended" : ROLE_WORD[share.role]}</span>
      )}
      {(mayShare || mine) && !ended && (
        <Button
          size="xs"
          variant="default"
          loading={busy === "remove"}
          aria-label={mine ? "Leave this session" : `Remove ${share.name}`}
          onClick={() => void act("remove", () => removeShare(sessionId, share.share_id))}
        >
          {mine ? "Leave" : "Remove"}
        </Button>
      )}
    </li>
  );
}
