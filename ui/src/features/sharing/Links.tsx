import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { listShareLinks, makeShareLink, revokeShareLink, type ShareRole } from "@/api/shares";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { Once } from "@/components/Once";
import { ErrorState } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { ROLE_WORD } from "@/lib/access";
import { LINK_ENDS, untilWords } from "./expiry";
import { RoleSelect } from "./ShareDialog";
import styles from "./Sharing.module.css";

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
  const [made, setMade] = useState<{ id: string; address: string } | null>(null);
  const { busy, problem, run } = useDeed();
  const refresh = () => queries.invalidateQueries({ queryKey: ["share-links", sessionId] });
  const make = async () => {
    await run("make", async () => {
      const link = await makeShareLink(sessionId, { role, expires_in_hours: Number(hours) });
      setMade({ id: link.share_link_id, address: new URL(link.path, window.location.origin).href });
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
      {made && <Once label="The new link" text={made.address} about="Copy it now: it is not shown again." />}
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      {query.data && query.data.length > 0 && (
        <ul className={styles.rows} aria-label="Links">
          {query.data.map((link) => (
            <li key={link.share_link_id}>
              <Icon name="link" />
              <div>
                {ROLE_WORD[link.role]}
                <p>counts {untilWords(link.expires_at)}</p>
              </div>
              <span />
              <Button
                size="xs"
                variant="default"
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
