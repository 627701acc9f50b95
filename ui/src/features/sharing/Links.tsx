import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { listShareLinks, makeShareLink, revokeShareLink, type ShareRole } from "@/api/shares";
import { Ago } from "@/components/Ago";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { Once } from "@/components/Once";
import { ErrorState } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { ROLE_ABOUT, ROLE_WORD } from "@/lib/access";
import { useNow } from "@/lib/now";
import { endWords, hasEnded, LINK_ENDS, untilWords } from "./expiry";
import { RoleSelect } from "./ShareDialog";
import styles from "./Sharing.module.css";

interface Made {
  readonly id: string;
  readonly address: string;
  readonly role: ShareRole;
  readonly expiresAt: string | null;
}

/** Links that make a share for whoever is signed in and opens them. */
export function Links({ sessionId }: { sessionId: string }) {
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: ["share-links", sessionId],
    queryFn: () => listShareLinks(sessionId),
    staleTime: 0,
  });
  const [role, setRole] = useState<ShareRole>("view");
  const [hours, setHours] = useState("168");
  const [made, setMade] = useState<Made | null>(null);
  const { busy, problem, run } = useDeed();
  const now = useNow();
  const refresh = () => queries.invalidateQueries({ queryKey: ["share-links", sessionId] });
  const make = async () => {
    await run("make", async () => {
      const link = await makeShareLink(sessionId, { role, expires_in_hours: Number(hours) });
      setMade({
        id: link.share_link_id,
        address: new URL(link.path, window.location.origin).href,
        role: link.role,
        expiresAt: link.expires_at,
      });
    });
    await refresh();
  };
  const revoke = async (linkId: string) => {
    if (await run(linkId, () => revokeShareLink(sessionId, linkId))) setMade((it) => (it?.id === linkId ? null : it));
    await refresh();
  };
  return (
    <section aria-labelledby="share-links">
      <h3 id="share-links">Links</h3>
      <div className={styles.add}>
        <p className={styles.note}>Whoever signs in to this server and opens the link</p>
        <RoleSelect label="Role of the link" value={role} onChange={setRole} />
        <select
          className={fields.control}
          aria-label="How long the link counts"
          value={hours}
          onChange={(event) => setHours(event.currentTarget.value)}
        >
          {LINK_ENDS.map(([each, words]) => (
            <option key={each} value={each}>
              {words}
            </option>
          ))}
        </select>
        <Button variant="default" loading={busy === "make"} onClick={() => void make()}>
          Make a link
        </Button>
      </div>
      <p className={styles.note}>{ROLE_ABOUT[role]}</p>
      {made && (
        <Once
          label="The new link"
          text={made.address}
          about={`Whoever opens it ${ROLE_WORD[made.role]}, ${untilWords(made.expiresAt)}. Copy it now: it is not shown again.`}
        />
      )}
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      {query.data && query.data.length > 0 && (
        <ul className={styles.rows} aria-label="Links">
          {query.data.map((link) => (
            <li key={link.share_link_id} data-ended={hasEnded(link.expires_at, now) || undefined}>
              <Icon name="link" />
              <div>
                {ROLE_WORD[link.role]}
                <p>
                  {hasEnded(link.expires_at, now) ? "" : "counts "}
                  {endWords(link.expires_at, now)} · made <Ago at={link.created_at} />
                </p>
              </div>
              <span className={styles.note}>{hasEnded(link.expires_at, now) && "ended"}</span>
              <Button
                size="xs"
                variant="default"
                disabled={hasEnded(link.expires_at, now)}
                loading={busy === link.share_link_id}
                aria-label={`Revoke the link that says ${ROLE_WORD[link.role]}, ${untilWords(link.expires_at)}`}
                onClick={() => void revoke(link.share_link_id)}
              >
                Revoke
              </Button>
            </li>
          ))}
        </ul>
      )}
      {problem && (
        <p className={styles.refused} role="alert">
          {problem.message}
        </p>
      )}
    </section>
  );
}
