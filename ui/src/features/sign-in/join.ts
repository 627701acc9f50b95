/** A link's token stands behind the # and would be lost on the way over an identity provider. */

const KEPT = "perdure.join";

export function keepJoin(): void {
  if (window.location.pathname !== "/join" || !window.location.hash) return;
  try {
    sessionStorage.setItem(KEPT, window.location.hash.slice(1));
  } catch {
    // storage switched off: the person opens the link once more
  }
}
