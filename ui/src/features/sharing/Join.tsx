import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { acceptShareLink } from "@/api/shares";
import { useIsShared } from "@/components/Access";
import { EmptyState, ErrorState, Loading } from "@/components/States";

const KEPT = "perdure.join";

/** Takes the token from behind the #, away from the address and from what an identity provider's detour kept. */
function takeToken(): string {
  const given = window.location.hash.slice(1);
  let kept = "";
  try {
    kept = sessionStorage.getItem(KEPT) ?? "";
    sessionStorage.removeItem(KEPT);
  } catch {
    // storage switched off: then there was no detour that kept anything
  }
  return given || kept;
}

/** A link that somebody gave away: it makes a share for the person on this page and leads to the session. */
export function Join() {
  const navigate = useNavigate();
  const several = useIsShared();
  const token = useRef<string | null>(null);
  token.current ??= takeToken();
  const [problem, setProblem] = useState<Problem | null>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (!token.current || asked.current || !several) return;
    asked.current = true;
    acceptShareLink(token.current).then(
      (id) => navigate({ to: "/sessions/$id", params: { id }, replace: true }),
      (error: unknown) => setProblem(asProblem(error)),
    );
  }, [navigate, several]);
  if (!several) return <EmptyState>This server has one user; nothing is shared on it.</EmptyState>;
  if (!token.current)
    return <EmptyState>This link is not whole: what stands behind the # is missing. Ask for it once more.</EmptyState>;
  if (problem)
    return problem.status === 404 || problem.status === 410 ? (
      <EmptyState>
        This link does not count any more: it has ended, or somebody took it back. Ask whoever gave it to you.
      </EmptyState>
    ) : (
      <ErrorState problem={problem} />
    );
  return <Loading label="Opening what was shared with you" />;
}
